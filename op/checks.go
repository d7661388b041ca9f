package op

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"qiao/op/clients"
	"qiao/op/grants"
	"qiao/storage"
)

// inquiry is an authorization request on its way through the checks.
type inquiry struct {
	rawQuery string
	query    map[string]string
	client   storage.Client
	params   storage.AuthParams // grows check by check; RedirectURI is set once it was found registered
	counted  bool               // as a request that waits for a person
}

// checks are the checks of an authorization request, in their order (OpenID Connect Core §3.1.2.2, RFC 6749 §4.1.1,
// RFC 7636 §4.3). Until redirectURI has passed, a refusal is a page: a redirect would make an open redirector of us, and
// could hand a code's error to a stranger. From there on it is told to the client.
func (p *Provider) checks() []func(context.Context, *inquiry) error {
	return []func(context.Context, *inquiry) error{
		p.wellFormed,
		p.clientKnown,
		p.redirectURI,
		// From here on the client hears of it.
		p.responseType,
		p.responseMode,
		p.requestObjects,
		p.grantType,
		p.scope,
		p.pkce,
		p.prompt,
		p.maxAge,
		p.idTokenHint,
		p.wishes,
	}
}

func (p *Provider) check(ctx context.Context, q *inquiry) error {
	for _, check := range p.checks() {
		if err := check(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) wellFormed(_ context.Context, q *inquiry) (err error) {
	q.query, err = p.params(q.rawQuery, authorizeLimits())
	// Not only wishes, but the language of every page that follows, also of a refusal.
	q.params.UILocales = strings.Fields(q.query["ui_locales"])
	if err != nil {
		return err
	}
	return checkKept(q.query)
}

func (p *Provider) clientKnown(ctx context.Context, q *inquiry) error {
	if q.query["client_id"] == "" {
		return badRequest("client_id is missing")
	}
	client, err := p.client(ctx, q.query["client_id"])
	q.client = client
	return err
}

func (p *Provider) client(ctx context.Context, id string) (storage.Client, error) {
	client, err := p.clients.Client(ctx, id)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return client, unknownClient()
	case err != nil:
		return client, unavailable(err)
	}
	return client, nil
}

// redirectURI: OpenID Connect asks for it in every request, also of a client that has registered one only.
func (p *Provider) redirectURI(_ context.Context, q *inquiry) error {
	uri := q.query["redirect_uri"]
	if uri == "" {
		return badRequest("redirect_uri is missing")
	}
	if !clients.MatchRedirect(q.client, uri) {
		return redirectMismatch("redirect_uri is not one that is registered for this client: it must be the same to the byte")
	}
	q.params.RedirectURI = uri
	q.params.State = q.query["state"]
	q.params.Nonce = q.query["nonce"]
	return nil
}

func (p *Provider) responseType(_ context.Context, q *inquiry) error {
	switch q.query["response_type"] {
	case "code":
		return nil
	case "":
		return invalidRequest("response_type is missing")
	}
	return &protocolError{"unsupported_response_type", "the only response_type is code"}
}

// responseMode: query is the default of a code and the only mode.
func (p *Provider) responseMode(_ context.Context, q *inquiry) error {
	if mode := q.query["response_mode"]; mode != "" && mode != "query" {
		return invalidRequest("the only response_mode is query")
	}
	return nil
}

// requestObjects are refused by name and never ignored: what matters (state, nonce) may be only inside (Core §6).
func (p *Provider) requestObjects(_ context.Context, q *inquiry) error {
	for _, name := range []string{"request", "request_uri", "registration"} {
		if q.query[name] != "" {
			return &protocolError{name + "_not_supported", "the parameter " + name + " is not supported"}
		}
	}
	return nil
}

func (p *Provider) grantType(_ context.Context, q *inquiry) error {
	if !q.client.HasGrantType("authorization_code") {
		return &protocolError{"unauthorized_client", "this client may not use the authorization code grant"}
	}
	return nil
}

// scope narrows instead of refusing what the client may not have.
func (p *Provider) scope(_ context.Context, q *inquiry) error {
	scopes, problem := grants.NarrowScopes(q.client, strings.Fields(q.query["scope"]))
	if problem != "" {
		return &protocolError{"invalid_scope", problem}
	}
	q.params.Scopes = scopes
	return nil
}

// pkce: S256 or nothing. A challenge without a method would mean plain (RFC 7636 §4.3), which protects nothing against
// one who reads the request.
func (p *Provider) pkce(_ context.Context, q *inquiry) error {
	challenge, method := q.query["code_challenge"], q.query["code_challenge_method"]
	switch {
	case challenge == "" && method != "":
		return invalidRequest("code_challenge is missing")
	case challenge == "" && (q.client.Public() || q.client.RequirePKCE):
		return invalidRequest("code_challenge is required for this client (PKCE with S256)")
	case challenge == "":
		return nil
	case method != "S256":
		return invalidRequest("code_challenge_method must be S256")
	case !isS256(challenge):
		return invalidRequest("code_challenge must be 43 characters of base64url")
	}
	q.params.CodeChallenge = challenge
	return nil
}

// isS256 reports whether the text can be a SHA-256 in base64url.
func isS256(text string) bool {
	_, err := storage.ParseSecret(text)
	return err == nil
}

func (p *Provider) prompt(_ context.Context, q *inquiry) error {
	prompts := strings.Fields(q.query["prompt"])
	for _, prompt := range prompts {
		switch prompt {
		case promptNone, promptLogin, promptConsent, promptSelectAccount:
		default:
			return invalidRequest("prompt may hold none, login, consent and select_account")
		}
	}
	if slices.Contains(prompts, promptNone) && len(prompts) > 1 {
		return invalidRequest("prompt none stands alone")
	}
	q.params.Prompt = prompts
	return nil
}

func (p *Provider) maxAge(_ context.Context, q *inquiry) error {
	text := q.query["max_age"]
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return invalidRequest("max_age must be a whole number of seconds, zero or more")
	}
	age := int64(min(seconds, math.MaxInt32)) // 68 years: no session is older
	q.params.MaxAge = &age
	return nil
}

// idTokenHint must be an ID token of ours for this client. It may be expired: it only says who is meant.
func (p *Provider) idTokenHint(_ context.Context, q *inquiry) error {
	hint := q.query["id_token_hint"]
	if hint == "" {
		return nil
	}
	claims, err := p.keys.Verify(hint)
	if err != nil {
		return invalidRequest("id_token_hint is not an ID token of this issuer")
	}
	if !slices.Contains(claims.Audience, q.client.ID) {
		return invalidRequest("id_token_hint is an ID token of another client")
	}
	q.params.HintSubject = claims.Subject
	return nil
}

// wishes are parameters that nothing can be wrong with. display, claims and claims_locales are not even read.
func (p *Provider) wishes(_ context.Context, q *inquiry) error {
	q.params.LoginHint = q.query["login_hint"]
	q.params.ACRValues = strings.Fields(q.query["acr_values"])
	return nil
}
