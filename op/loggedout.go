package op

import (
	"net/http"
	"strings"

	"qiao/ui"
)

const (
	logoutPurpose = "logout"
	loggedOutPath = "/logged-out"
)

// showLogout asks whether to sign out. The form repeats the request in its address, where it is checked again; the hint
// stays behind, because the answer of the person replaces it.
func (p *Provider) showLogout(w http.ResponseWriter, r *http.Request, q logoutInquiry) {
	again := q.pick("post_logout_redirect_uri", "state", "ui_locales")
	if q.client.ID != "" {
		again.Set("client_id", q.client.ID)
	}
	secret := p.guard.EnsureSecret(w, r)
	page := ui.Logout{
		Frame:     p.frame(w, r, q.uiLocales()),
		Action:    "/end_session/confirm?" + again.Encode(),
		FormToken: p.guard.FormToken(secret, logoutPurpose),
	}
	if q.client.ID != "" {
		page.Client = clientView(q.client, q.redirect)
	}
	if q.redirect != "" {
		page.Return = formTarget(q.redirect)
	}
	p.pages.Render(w, http.StatusOK, page)
}

// confirmLogout answers the logout page.
func (p *Provider) confirmLogout(w http.ResponseWriter, r *http.Request) {
	if err := p.logoutForm(w, r); err != nil {
		p.refuseLogout(w, r, nil, err)
		return
	}
	q, err := p.checkLogout(r)
	if err != nil {
		p.refuseLogout(w, r, q.uiLocales(), err)
		return
	}
	if !r.PostForm.Has("approve") {
		p.metrics.logout("stayed")
		redirect(w, loggedOutPath+"?stayed=1")
		return
	}
	p.endAndGoOn(w, r, q, true) // clicked twice, the first click has ended it
}

func (p *Provider) logoutForm(w http.ResponseWriter, r *http.Request) error {
	if limited, _ := p.allow(r, "end_session", p.limits.EndSession); limited != nil {
		return limited
	}
	if err := parseForm(w, r); err != nil {
		return err
	}
	secret, ok := p.guard.Secret(r)
	if !ok {
		return wrongBrowser()
	}
	if err := p.guard.CheckForm(r, secret, logoutPurpose); err != nil {
		return foreignForm(err)
	}
	return nil
}

// loggedOut is the page that a logout without another place to go ends at. It only says so: it changes nothing.
func (p *Provider) loggedOut(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	p.pages.Render(w, http.StatusOK, ui.LoggedOut{
		Frame:  p.frame(w, r, strings.Fields(query.Get("ui_locales"))),
		Stayed: query.Get("stayed") == "1",
	})
}
