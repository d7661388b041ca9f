package op

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"qiao/op/clients"
	"qiao/storage"
	"qiao/ui"
)

const (
	accountPath       = "/account"
	accountDeletePath = accountPath + "/delete"
	accountFreshPath  = accountPath + "?fresh=1" // after the new login that the export asked for
	accountPurpose    = "account "
	phoneChangePath   = "/phone/change" // the flow's, where a number is changed
)

// recentLogin is how long ago a login may be for taking one's data away, or deleting it.
const recentLogin = 10 * time.Minute

// showAccount answers GET /account: where this person is signed in, and what may act for them. Without a session it
// begins a login of its own.
func (p *Provider) showAccount(w http.ResponseWriter, r *http.Request) {
	live, ok := p.accountVisit(w, r, accountPath, 0)
	if !ok {
		return
	}
	page, err := p.accountView(r.Context(), live)
	if err != nil {
		p.fail(w, r, nil, err)
		return
	}
	page.Frame = p.frame(w, r, nil)
	page.FormToken = p.accountToken(w, r, live)
	page.Fresh = r.URL.Query().Get("fresh") == "1" && p.recent(live)
	p.pages.Render(w, http.StatusOK, page)
}

// accountVisit is the signed-in person of a GET. Where there is none, or the login is longer ago than maxAge (0: any
// will do), the answer is the way to the login, and to target after that.
func (p *Provider) accountVisit(w http.ResponseWriter, r *http.Request, target string, maxAge time.Duration) (*signedIn, bool) {
	limited, down := p.allow(r, "authorize", p.limits.Authorize)
	if limited != nil {
		p.fail(w, r, nil, limited)
		return nil, false
	}
	live, err := p.signedIn(r)
	switch {
	case err != nil:
		p.fail(w, r, nil, err)
		return nil, false
	case live != nil && (maxAge == 0 || p.recent(live)):
		return live, true
	case down != nil:
		p.fail(w, r, nil, unavailable(down))
		return nil, false
	}
	p.beginAccount(w, r, target, maxAge)
	return nil, false
}

func (p *Provider) recent(live *signedIn) bool {
	return p.now().Sub(live.session.AuthTime) <= recentLogin && live.session.ACR == storage.ACRConfirm
}

// beginAccount stores a request of the account page itself. It yields no code: its end is the page.
func (p *Provider) beginAccount(w http.ResponseWriter, r *http.Request, target string, maxAge time.Duration) {
	now := p.now()
	params := storage.AuthParams{RedirectURI: p.issuer + target, Scopes: []string{"openid"}}
	if maxAge > 0 {
		seconds := int64(maxAge / time.Second)
		params.MaxAge, params.ACRValues = &seconds, []string{storage.ACRConfirm}
	}
	request := storage.AuthRequest{
		ID: storage.NewID(now), Browser: p.guard.EnsureSecret(w, r).Hash(), ClientID: clients.AccountPage, Params: params,
		CreatedAt: now, ExpiresAt: now.Add(p.life.AuthRequest),
	}
	if err := p.storeRequest(r, request); err != nil {
		p.fail(w, r, nil, err)
		return
	}
	p.toLogin(w, request.ID)
}

// resumeAccount goes on after the login. The target is one of our own pages, whatever the request says.
func (p *Provider) resumeAccount(w http.ResponseWriter, r *http.Request, request storage.AuthRequest, client storage.Client) {
	live, err := p.signedIn(r)
	if err != nil {
		p.fail(w, r, nil, err)
		return
	}
	lacking, err := p.assess(r.Context(), client, request.Params, request.SessionID, live)
	switch {
	case err != nil:
		p.fail(w, r, nil, err)
	case lacking != needNothing:
		p.toLogin(w, request.ID)
	case request.ClientID == storage.PhoneChangeClient:
		redirect(w, phoneChangePath) // the request stays until it expires: its login is the proof that the change looks for
	default:
		target := accountPath
		for _, known := range []string{accountFreshPath, accountDeletePath} {
			if request.Params.RedirectURI == p.issuer+known {
				target = known
			}
		}
		p.leaveAccountLogin(w, r, request, target)
	}
}

// cancelAccount leads back to the page, where there is somebody to show it to.
func (p *Provider) cancelAccount(w http.ResponseWriter, r *http.Request, request storage.AuthRequest) {
	live, err := p.signedIn(r)
	if err != nil {
		p.fail(w, r, nil, err)
		return
	}
	target := loggedOutPath
	if live != nil {
		target = accountPath
		if request.ClientID == storage.PhoneChangeClient {
			target = phoneChangePath
		}
	}
	p.leaveAccountLogin(w, r, request, target)
}

func (p *Provider) leaveAccountLogin(w http.ResponseWriter, r *http.Request, request storage.AuthRequest, target string) {
	if err := p.store.EndAuthRequest(r.Context(), request.ID, request.Browser, p.now()); err != nil {
		p.fail(w, r, nil, unavailable(err))
		return
	}
	redirect(w, target)
}

// accountToken is bound to this browser and to this session: a page that one person left open is not answered by the
// next one.
func (p *Provider) accountToken(w http.ResponseWriter, r *http.Request, live *signedIn) string {
	return p.guard.FormToken(p.guard.EnsureSecret(w, r), accountPurpose+live.session.ID.String())
}

func (p *Provider) accountView(ctx context.Context, live *signedIn) (ui.Account, error) {
	now, user := p.now(), live.user
	masked, err := p.maskedPhone(user)
	if err != nil {
		return ui.Account{}, err
	}
	page := ui.Account{Name: user.Name, Username: user.Username, MaskedPhone: masked, Now: now}
	sessions, err := p.store.UserSessions(ctx, user.ID, now)
	if err != nil {
		return page, unavailable(err)
	}
	for _, s := range sessions {
		page.Sessions = append(page.Sessions, ui.AccountSession{
			ID: s.ID.String(), Device: s.Device.Name, Place: s.Device.Place, SeenAt: s.LastSeenAt, Here: s.ID == live.session.ID,
		})
	}
	held, err := p.store.ListUserGrants(ctx, user.ID, now)
	if err != nil {
		return page, unavailable(err)
	}
	consents, err := p.store.UserConsents(ctx, user.ID)
	if err != nil {
		return page, unavailable(err)
	}
	scopes := map[string][]string{}
	for _, c := range consents {
		scopes[c.ClientID] = append(scopes[c.ClientID], c.Scopes...)
	}
	for _, g := range held {
		if g.ForDevice {
			name, err := p.shownName(ctx, g.ClientID)
			if err != nil {
				return page, err
			}
			page.TVs = append(page.TVs, ui.AccountTV{
				ID: g.ID.String(), Client: name, Device: g.Device.Name, Place: g.Device.Place, Since: g.CreatedAt, UsedAt: g.UsedAt,
			})
			continue
		}
		scopes[g.ClientID] = append(scopes[g.ClientID], g.Scopes...)
	}
	page.Apps, err = p.accountApps(ctx, scopes, masked, user)
	return page, err
}

func (p *Provider) accountApps(ctx context.Context, scopes map[string][]string, masked string, user storage.User) ([]ui.AccountApp, error) {
	ids := make([]string, 0, len(scopes))
	for id := range scopes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var apps []ui.AccountApp
	for _, id := range ids {
		name, err := p.shownName(ctx, id)
		if err != nil {
			return nil, err
		}
		list := scopes[id]
		slices.Sort(list)
		apps = append(apps, ui.AccountApp{ClientID: id, Name: name, Scopes: scopeLines(slices.Compact(list), masked, user)})
	}
	return apps, nil
}

// shownName of a client that was removed is its id: what it was given can still be taken back.
func (p *Provider) shownName(ctx context.Context, id string) (string, error) {
	client, err := p.clients.Shown(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return id, nil
	case err != nil:
		return "", unavailable(err)
	}
	return or(client.Name, client.ID), nil
}
