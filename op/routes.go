package op

import (
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Routes mounts every endpoint of the provider. The grants' server adds what machines call: /token,
// /device_authorization, /introspect,
// /revoke, /userinfo, /keys and /.well-known/openid-configuration, with the CORS rules of each.
//
// No route here sends CORS headers but the metadata: the others are navigations of a browser with cookies, and a script
// of another site has no business to read their answers.
func (p *Provider) Routes(r chi.Router) {
	r.Get("/", p.home)
	r.Get("/authorize", p.authorize)
	r.Post("/authorize", p.postToGet)
	r.Get("/authorize/continue", p.resume)
	r.Post("/authorize/continue", p.consent)
	r.Post("/authorize/cancel", p.cancel)

	// Its pictures, and the way in inside WeChat, are the flow's.
	r.Get(devicePath, p.showDevice)
	r.Post(devicePath, p.enterCode)
	r.Get(devicePath+"/confirm", p.confirmDevice)
	r.Post(devicePath+"/confirm", p.decideDevice)

	r.Get(accountPath, p.showAccount)
	r.Post(accountPath+"/sessions", p.endAccountSession)
	r.Post(accountPath+"/tvs", p.revokeTV)
	r.Post(accountPath+"/apps", p.removeApp)
	r.Post(accountPath+"/sign-out", p.signOutEverywhere)
	r.Get(accountPath+"/export", p.exportAccount)
	r.Get(accountDeletePath, p.askDeletion)
	r.Post(accountDeletePath, p.deleteAccount)

	r.Get("/end_session", p.endSession)
	r.Post("/end_session", p.postToGet)
	r.Post("/end_session/confirm", p.confirmLogout)
	r.Get("/logged-out", p.loggedOut)

	r.Get("/.well-known/oauth-authorization-server", p.metadata)
	p.grants.Routes(r)
}

// postToGet answers a post with 303 to the same request as a GET. A post that another site's page sends comes without
// our SameSite=Lax cookies; the GET that follows is a navigation and brings them.
func (p *Provider) postToGet(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(w, r); err != nil {
		p.fail(w, r, nil, err)
		return
	}
	p.sealHint(r.Form)
	// r.Form holds the query's and the body's parameters: one that is in both is there twice, and refused by the GET.
	redirect(w, r.URL.Path+"?"+r.Form.Encode())
}

// parseForm reads a posted form of at most 64 KiB.
func parseForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxQuery)
	err := r.ParseForm()
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return &pageError{status: http.StatusRequestEntityTooLarge, kind: "too_large", detail: "the form is longer than 64 KiB"}
	}
	if err != nil {
		return badRequest("the form is not application/x-www-form-urlencoded")
	}
	return nil
}
