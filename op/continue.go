package op

import (
	"context"
	"errors"
	"net/http"

	"qiao/op/clients"
	"qiao/storage"
)

// resume answers GET /authorize/continue: a stored request goes on, in the browser that began it, with whatever is
// lacking now.
func (p *Provider) resume(w http.ResponseWriter, r *http.Request) {
	if limited, _ := p.allow(r, "authorize", p.limits.Authorize); limited != nil {
		p.refuse(w, r, storage.AuthParams{}, limited)
		return
	}
	request, client, err := p.continued(r)
	if err != nil {
		p.refuse(w, r, request.Params, err)
		return
	}
	switch {
	case request.Params.Device != "":
		redirect(w, deviceConfirmPath(request.ID))
		return
	case storage.OwnPage(request.ClientID):
		p.resumeAccount(w, r, request, client)
		return
	}
	code, lacking, live, err := p.tryCode(r, client, request.Params, request)
	switch {
	case err != nil:
		p.refuse(w, r, request.Params, err)
	case lacking == needNothing:
		p.metrics.authorize("code")
		p.sendCode(w, r, client, request.Params, code)
	case lacking == needConsent:
		p.metrics.authorize("consent")
		p.showConsent(w, r, request, client, live)
	case lacking == needOtherPerson:
		// OpenID Connect Core §3.1.2.2: never an answer about somebody else than the hint names. Asking again and again
		// would lead nowhere: the client decides.
		p.end(w, r, request, &protocolError{"login_required", "another person than the one of id_token_hint has logged in"})
	default:
		p.toLogin(w, request.ID)
	}
}

// continued loads the request that the query names, for the browser that began it, and its client.
func (p *Provider) continued(r *http.Request) (storage.AuthRequest, storage.Client, error) {
	secret, ok := p.guard.Secret(r)
	if !ok {
		return storage.AuthRequest{}, storage.Client{}, wrongBrowser()
	}
	id, err := requestID(r)
	if err != nil {
		return storage.AuthRequest{}, storage.Client{}, err
	}
	return p.loadRequest(r.Context(), id, secret.Hash())
}

func requestID(r *http.Request) (storage.ID, error) {
	id, err := storage.ParseID(r.URL.Query().Get("request"))
	if err != nil {
		return id, requestExpired()
	}
	return id, nil
}

// loadRequest checks again what may have changed since the request was stored: the client may be gone, or may have
// given its redirect URI up.
func (p *Provider) loadRequest(ctx context.Context, id storage.ID, browser storage.Hash) (storage.AuthRequest, storage.Client, error) {
	request, err := p.store.AuthRequest(ctx, id, browser, p.now())
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrExpired):
		return request, storage.Client{}, requestExpired()
	case err != nil:
		return request, storage.Client{}, unavailable(err)
	}
	if storage.OwnPage(request.ClientID) {
		client, err := p.clients.Shown(ctx, request.ClientID)
		return request, client, err
	}
	client, err := p.client(ctx, request.ClientID)
	if err != nil {
		return request, client, err
	}
	return request, client, mayStill(client, request.Params)
}

// mayStill reports whether the client may go on with a stored request: it may have given up its redirect URI, or the
// device grant.
func mayStill(client storage.Client, a storage.AuthParams) error {
	switch {
	case a.Device != "" && !client.HasGrantType(clients.GrantDeviceCode):
		return requestExpired()
	case a.Device == "" && !clients.MatchRedirect(client, a.RedirectURI):
		return redirectMismatch("redirect_uri is not registered for this client any more")
	}
	return nil
}

// end answers the request with an error and finishes it, so that it cannot be answered again.
func (p *Provider) end(w http.ResponseWriter, r *http.Request, request storage.AuthRequest, answer *protocolError) {
	if err := p.store.EndAuthRequest(r.Context(), request.ID, request.Browser, p.now()); err != nil {
		p.refuse(w, r, request.Params, unavailable(err))
		return
	}
	p.refuse(w, r, request.Params, answer)
}
