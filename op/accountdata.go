package op

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"qiao/storage"
	"qiao/ui"
)

// exportAccount answers GET /account/export: everything that names the person, as a file. It shows the phone number and
// the addresses in clear, so a session that somebody finds open is not enough.
func (p *Provider) exportAccount(w http.ResponseWriter, r *http.Request) {
	live, ok := p.accountVisit(w, r, accountFreshPath, recentLogin)
	if !ok {
		return
	}
	data, err := p.personalData(r.Context(), live.user)
	if err != nil {
		p.fail(w, r, nil, err)
		return
	}
	body, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		p.fail(w, r, nil, fmt.Errorf("write an export: %w", err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="account.json"`)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(append(body, '\n')) // an error is the browser that went away
}

// export is the file. Secrets and their hashes are no data about the person, and are not in it.
type export struct {
	ExportedAt time.Time          `json:"exported_at"`
	Subject    string             `json:"sub"`
	Username   string             `json:"username"`
	Name       string             `json:"name,omitempty"`
	Phone      string             `json:"phone_number,omitempty"`
	VerifiedAt time.Time          `json:"phone_number_verified_at,omitzero"`
	Groups     []string           `json:"groups,omitempty"`
	CreatedAt  time.Time          `json:"created_at"`
	Identities []exportedIdentity `json:"wechat_identities"`
	Sessions   []exportedSession  `json:"sessions"`
	Browsers   []exportedBrowser  `json:"known_browsers"`
	Grants     []exportedGrant    `json:"grants"`
	Consents   []exportedConsent  `json:"consents"`
	Notices    []exportedNotice   `json:"notices"`
	Audit      []exportedAudit    `json:"audit"`
}

type exportedIdentity struct {
	Account    string    `json:"account"`
	OpenID     string    `json:"openid"`
	UnionID    string    `json:"unionid,omitempty"`
	Followed   bool      `json:"followed"`
	FollowedAt time.Time `json:"followed_at,omitzero"`
}

type exportedSession struct {
	ID        string         `json:"sid"`
	Device    storage.Device `json:"device"`
	AuthTime  time.Time      `json:"auth_time"`
	AMR       []string       `json:"amr"`
	ACR       string         `json:"acr"`
	SeenAt    time.Time      `json:"last_seen_at"`
	ExpiresAt time.Time      `json:"expires_at"`
}

// exportedBrowser is a browser that knows the person, and what a login by the scan alone rests on there.
type exportedBrowser struct {
	Device      storage.Device      `json:"device"`
	FirstSeenAt time.Time           `json:"first_seen_at,omitzero"`
	LastSeenAt  time.Time           `json:"last_seen_at,omitzero"`
	LoginAt     time.Time           `json:"last_login_at"`
	ConfirmedAt time.Time           `json:"confirmed_at,omitzero"`
	Account     string              `json:"account,omitempty"`
	OpenID      string              `json:"openid,omitempty"`
	Scopes      map[string][]string `json:"confirmed_scopes,omitempty"`
	ExpiresAt   time.Time           `json:"expires_at"`
}

type exportedGrant struct {
	ClientID  string         `json:"client_id"`
	Scopes    []string       `json:"scopes"`
	ForDevice bool           `json:"for_device"`
	Offline   bool           `json:"offline"`
	Device    storage.Device `json:"device"`
	CreatedAt time.Time      `json:"created_at"`
	UsedAt    time.Time      `json:"used_at,omitzero"`
	ExpiresAt time.Time      `json:"expires_at"`
}

type exportedConsent struct {
	ClientID  string    `json:"client_id"`
	Scopes    []string  `json:"scopes"`
	UpdatedAt time.Time `json:"updated_at"`
}

type exportedNotice struct {
	Account   string         `json:"account"`
	OpenID    string         `json:"openid"`
	Kind      string         `json:"kind"`
	ClientID  string         `json:"client_id"`
	Device    storage.Device `json:"device"`
	CreatedAt time.Time      `json:"created_at"`
	SentAt    time.Time      `json:"sent_at,omitzero"`
	RevokedAt time.Time      `json:"revoked_at,omitzero"`
	ExpiresAt time.Time      `json:"expires_at"`
}

type exportedAudit struct {
	At       time.Time `json:"at"`
	Actor    string    `json:"actor"`
	Action   string    `json:"action"`
	ClientID string    `json:"client_id,omitempty"`
	Account  string    `json:"account,omitempty"`
	Detail   string    `json:"detail,omitempty"`
}

// exportedEntries is more than a person's audit log holds.
const exportedEntries = 100_000

func (p *Provider) personalData(ctx context.Context, user storage.User) (export, error) {
	now := p.now()
	data := export{
		ExportedAt: now, Subject: user.ID, Username: user.Username, Name: user.Name, VerifiedAt: user.PhoneVerifiedAt,
		Groups: user.Groups, CreatedAt: user.CreatedAt,
	}
	if len(user.PhoneSealed) > 0 {
		e164, err := p.box.Open(phonePurpose, user.PhoneSealed)
		if err != nil {
			return data, fmt.Errorf("open the phone number: %w", err)
		}
		data.Phone = string(e164)
	}
	identities, err := p.store.Identities(ctx, user.ID)
	if err != nil {
		return data, unavailable(err)
	}
	for _, i := range identities {
		data.Identities = append(data.Identities, exportedIdentity{i.Account, i.OpenID, i.UnionID, i.Followed, i.FollowedAt})
	}
	sessions, err := p.store.UserSessions(ctx, user.ID, now)
	if err != nil {
		return data, unavailable(err)
	}
	for _, s := range sessions {
		data.Sessions = append(data.Sessions, exportedSession{s.ID.String(), s.Device, s.AuthTime, s.AMR, s.ACR, s.LastSeenAt, s.ExpiresAt})
	}
	browsers, err := p.store.UserBrowsers(ctx, user.ID, now)
	if err != nil {
		return data, unavailable(err)
	}
	for _, b := range browsers {
		data.Browsers = append(data.Browsers, exportedBrowser{
			b.Device, b.FirstSeenAt, b.LastSeenAt, b.LoginAt, b.ConfirmedAt, b.Account, b.OpenID, b.Scopes, b.ExpiresAt,
		})
	}
	held, err := p.store.ListUserGrants(ctx, user.ID, now)
	if err != nil {
		return data, unavailable(err)
	}
	for _, g := range held {
		data.Grants = append(data.Grants, exportedGrant{g.ClientID, g.Scopes, g.ForDevice, g.Offline, g.Device, g.CreatedAt, g.UsedAt, g.ExpiresAt})
	}
	consents, err := p.store.UserConsents(ctx, user.ID)
	if err != nil {
		return data, unavailable(err)
	}
	for _, c := range consents {
		data.Consents = append(data.Consents, exportedConsent(c))
	}
	notices, err := p.store.UserNotices(ctx, user.ID)
	if err != nil {
		return data, unavailable(err)
	}
	for _, n := range notices {
		data.Notices = append(data.Notices, exportedNotice{n.Account, n.OpenID, n.Kind, n.ClientID, n.Device, n.CreatedAt, n.SentAt, n.RevokedAt, n.ExpiresAt})
	}
	entries, err := p.store.ListAudit(ctx, user.ID, exportedEntries)
	if err != nil {
		return data, unavailable(err)
	}
	for _, e := range entries {
		if e.Actor != "user" && e.Actor != "system" {
			e.Actor = "operator" // who of them is their own data
		}
		if e.Action == "phone.move" { // the number went to somebody else: through what they signed in is theirs
			e.ClientID, e.Account = "", ""
		}
		data.Audit = append(data.Audit, exportedAudit{e.At, e.Actor, e.Action, e.ClientID, e.Account, e.Detail})
	}
	return data, nil
}

// askDeletion answers GET /account/delete: the second question.
func (p *Provider) askDeletion(w http.ResponseWriter, r *http.Request) {
	live, ok := p.accountVisit(w, r, accountDeletePath, recentLogin)
	if !ok {
		return
	}
	masked, err := p.maskedPhone(live.user)
	if err != nil {
		p.fail(w, r, nil, err)
		return
	}
	p.pages.Render(w, http.StatusOK, ui.AccountDelete{
		Frame: p.frame(w, r, nil), Username: live.user.Username, MaskedPhone: masked, FormToken: p.accountToken(w, r, live),
	})
}

// deleteAccount answers that page. The answer is the goodbye itself: nobody is left to lead anywhere.
func (p *Provider) deleteAccount(w http.ResponseWriter, r *http.Request) {
	live, ok := p.accountPost(w, r)
	switch {
	case !ok:
		return
	case !r.PostForm.Has("approve"):
		redirect(w, accountPath)
		return
	case !p.recent(live): // the page was open for too long
		redirect(w, accountDeletePath)
		return
	}
	if err := p.store.DeleteUser(r.Context(), live.user.ID, "user", p.now()); err != nil {
		p.backToAccount(w, r, err)
		return
	}
	p.guard.ClearSession(w)
	p.guard.SetSecret(w, storage.NewSecret()) // the browser forgets as well
	p.pages.Render(w, http.StatusOK, ui.AccountGone{Frame: p.frame(w, r, nil)})
}
