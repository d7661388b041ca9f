package wechatflow

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"qiao/browser"
	"qiao/storage"
	"qiao/ui"
)

// getLogin serves GET /login/{id}: the card, in every state. It begins the request's first attempt; it changes no
// attempt that is there, but for giving a waiting one its picture.
func (f *Flow) getLogin(w http.ResponseWriter, r *http.Request) {
	v, ok := f.visit(w, r)
	if !ok {
		return
	}
	attempt, err := v.attempt, error(nil)
	if attempt.State != storage.AttemptConfirmed {
		signedIn, err := f.signedInElsewhere(r, v.request)
		if err != nil {
			f.unavailable(w, r, v.lang, err)
			return
		}
		if signedIn {
			f.toAuthorize(w, r, v.request.ID)
			return
		}
	}
	switch {
	case attempt.ID.IsZero():
		attempt, err = f.beginAttempt(r, v, storage.ID{})
	case attempt.State == storage.AttemptDone:
		attempt, err = f.againIfEnded(r, v, attempt)
	}
	if err != nil {
		f.unavailable(w, r, v.lang, err)
		return
	}
	c, err := f.card(r.Context(), attempt, f.Guard.Address(r))
	if err != nil {
		f.unavailable(w, r, v.lang, err)
		return
	}
	f.Pages.Render(w, http.StatusOK, f.loginPage(r, v, c))
}

// visit is a request of the login page, in the browser that it belongs to.
type visit struct {
	secret  storage.Secret
	request storage.AuthRequest
	attempt storage.Attempt // the newest; zero before the first
	client  storage.Client
	lang    string
	down    error // the Signals did not answer when they were asked for the rate of this page
}

func (v visit) browser() storage.Hash { return v.secret.Hash() }
func (v visit) path() string          { return "/login/" + v.request.ID.String() }
func (v visit) purpose() string       { return "login " + v.request.ID.String() }

// visit finds the authorization request that the URL names, for the browser that sent it, and answers by itself where
// there is none. Another browser's request looks like one that never was.
func (f *Flow) visit(w http.ResponseWriter, r *http.Request) (visit, bool) {
	lang := f.Guard.Lang(w, r, nil)
	ok, retryAfter, down := f.countPage(r)
	if !ok {
		f.tooMany(w, r, lang, retryAfter)
		return visit{}, false
	}
	gone := ui.Failure{Status: http.StatusNotFound, Kind: "request_expired"}
	secret, ok := f.Guard.Secret(r)
	if !ok {
		gone.Kind = "wrong_browser"
		f.fail(w, r, lang, gone, nil)
		return visit{}, false
	}
	id, err := storage.ParseID(chi.URLParam(r, "id"))
	if err != nil {
		f.fail(w, r, lang, gone, nil)
		return visit{}, false
	}
	request, attempt, err := f.Store.Login(r.Context(), id, secret.Hash(), f.Now())
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrExpired):
		f.fail(w, r, lang, gone, nil)
		return visit{}, false
	case err != nil:
		f.unavailable(w, r, lang, err)
		return visit{}, false
	}
	client, err := f.client(r.Context(), request.ClientID, lang)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		f.fail(w, r, lang, ui.Failure{Status: http.StatusBadRequest, Kind: "unknown_client"}, nil)
		return visit{}, false
	case err != nil:
		f.unavailable(w, r, lang, err)
		return visit{}, false
	}
	return visit{
		secret: secret, request: request, attempt: attempt, client: client, lang: f.Guard.Lang(w, r, request.Params.UILocales),
		down: down,
	}, true
}

// loginPage is the card as a page.
func (f *Flow) loginPage(r *http.Request, v visit, c card) ui.Login {
	p := ui.Login{
		Frame:       f.frame(r, v.lang),
		Client:      clientView(v.client, v.request.Params.RedirectURI),
		IssuerHost:  f.Guard.Issuer.Host,
		State:       c.state,
		Version:     c.version(),
		WrongNumber: c.attempt.WrongNumber,
		Mobile:      browser.Mobile(r),
		WeChat:      c.attempt.Via == storage.ViaWeChat,
		ContinueAs:  c.as,
		Attempt:     c.attempt.ID.String(),
		StateURL:    v.path() + "/state",
		ContinueURL: v.path() + "/continue",
		RefreshURL:  v.path() + "/refresh",
		CancelURL:   "/authorize/cancel?request=" + url.QueryEscape(v.request.ID.String()),
		PictureURL:  v.path() + "/picture.png",
		FormToken:   f.Guard.FormToken(v.secret, v.purpose()),
	}
	// The forms of this page end at the relying party, or in WeChat's web authorization.
	p.Return = []string{formTarget(v.request.Params.RedirectURI)}
	if a, err := f.account(c.attempt.Account); err == nil {
		p.AccountName = a.display
		if p.WeChat {
			p.Return = append(p.Return, formTarget(a.Client.WebAuthURL(f.url("/phone/return"), "")))
		}
	}
	switch c.state {
	case string(storage.AttemptWaiting):
		p.QR, p.ExpiresIn, p.Renewable = c.attempt.Scene.URL, c.expiresIn, c.renewable()
	case string(storage.AttemptScanned):
		p.Number, p.Binding = c.attempt.Number, !c.attempt.ApprovedAt.IsZero()
	}
	return p
}
