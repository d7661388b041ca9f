package wechatflow

import (
	"context"
	"net/http"
	"sync"
	"time"

	"qiao/ui"
)

// getFollow serves GET /phone/{attempt}/follow: a person who came by web authorization, and does not follow the account
// yet, is shown how. It is a step, not a control: what it leads to is reached without it too.
func (f *Flow) getFollow(w http.ResponseWriter, r *http.Request) {
	p, ok := f.phoneVisit(w, r)
	if !ok {
		return
	}
	f.showFollow(w, r, p, false)
}

// postFollow serves POST /phone/{attempt}/follow: "I follow now".
func (f *Flow) postFollow(w http.ResponseWriter, r *http.Request) {
	p, ok := f.phonePost(w, r)
	if !ok {
		return
	}
	acc, err := f.account(p.attempt.Account)
	if err != nil {
		f.unavailable(w, r, p.lang, err)
		return
	}
	if !f.follows(r.Context(), acc, p.attempt.OpenID) {
		f.showFollow(w, r, p, true)
		return
	}
	redirect(w, r, phonePath(p.attempt.ID, "confirm"))
}

func (f *Flow) showFollow(w http.ResponseWriter, r *http.Request, p phoneVisit, tried bool) {
	acc, err := f.account(p.attempt.Account)
	if err != nil {
		f.unavailable(w, r, p.lang, err)
		return
	}
	f.Pages.Render(w, http.StatusOK, ui.Follow{
		Frame: f.frame(r, p.lang), Client: clientView(p.client, ""), AccountName: acc.display,
		QR: f.followQR(r.Context(), acc), Tried: tried,
		Action: phonePath(p.attempt.ID, "follow"), FormToken: f.Guard.FormToken(p.secret, p.purpose()),
	})
}

// follows asks the platform. Where it does not answer, our own record counts, and where there is none the person goes
// on: trouble at the platform keeps nobody out.
func (f *Flow) follows(ctx context.Context, acc *account, openID string) bool {
	ctx, cancel := context.WithTimeout(ctx, mintDeadline)
	defer cancel()
	info, err := acc.Client.UserInfo(ctx, openID)
	if err != nil {
		f.metrics.platform.WithLabelValues("user/info").Inc()
		f.Log.WarnContext(ctx, "user/info failed, going on without it", "account", acc.name, "error", err)
		return true
	}
	f.noteUnionID(ctx, acc, openID, info.UnionID)
	return info.Subscribed
}

// followCode is the code that one follows the account by. It carries no login, so that one serves everybody for a day.
type followCode struct {
	mu    sync.Mutex
	url   string
	until time.Time
}

const followCodeLife = 24 * time.Hour

// followQR returns the text of the account's follow code, empty where the platform gives none: the page then tells in
// words how to find the account.
func (f *Flow) followQR(ctx context.Context, acc *account) string {
	c := &acc.followCode
	c.mu.Lock()
	defer c.mu.Unlock()
	now := f.Now()
	if now.Before(c.until) {
		return c.url
	}
	if acc.breaker.open(now) {
		return ""
	}
	// It outlives its use here, for pages that are open when the next one is made.
	qr, err := f.createQR(ctx, acc, followScene, 2*followCodeLife)
	if err != nil {
		return ""
	}
	c.url, c.until = qr.URL, now.Add(followCodeLife)
	return c.url
}
