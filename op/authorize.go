package op

import (
	"errors"
	"net/http"
	"slices"

	"qiao/storage"
)

// authorize answers GET /authorize: the checks, then a code at once where the session is good enough, an error where
// the client wants no page (prompt=none), or the way to the login or the consent page.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := &inquiry{rawQuery: r.URL.RawQuery}
	limited, down, err := p.countAndCheck(r, q)
	switch {
	case limited != nil:
		p.refuse(w, r, q.params, limited)
		return
	case err != nil:
		p.refuse(w, r, q.params, err)
		return
	}
	code, lacking, live, err := p.tryCode(r, q.client, q.params, storage.AuthRequest{})
	switch {
	case err != nil:
		p.refuse(w, r, q.params, err)
	case lacking == needNothing:
		p.metrics.authorize("code")
		p.sendCode(w, r, q.client, q.params, code)
	case slices.Contains(q.params.Prompt, promptNone):
		p.refuse(w, r, q.params, unprompted(lacking))
	case lacking == needLogin && down != nil:
		// A login needs the signals: somebody has to be woken. A live session went on above.
		p.refuse(w, r, q.params, unavailable(down))
	default:
		p.begin(w, r, q, lacking, live)
	}
}

// countAndCheck counts the request and checks it. The count has the first word. Still the checks, which look at what is in
// memory, come before it: they tell whether a request without a session will wait for a person, and is counted as that in
// the same round trip. One that fails its checks never is: a client that goes wrong must not use up what others at its
// address need to log in.
func (p *Provider) countAndCheck(r *http.Request, q *inquiry) (limited, down, problem error) {
	problem = p.check(r.Context(), q)
	uses := []storage.Use{p.use(r, "authorize", p.limits.Authorize)}
	if _, cookie := p.guard.Session(r); !cookie && problem == nil && !slices.Contains(q.params.Prompt, promptNone) {
		uses, q.counted = append(uses, p.requestUse(r)), true
	}
	limited, down = p.allowAll(r, uses...)
	return limited, down, problem
}

// begin stores the request, bound to this browser, and leads to what it lacks.
func (p *Provider) begin(w http.ResponseWriter, r *http.Request, q *inquiry, lacking need, live *signedIn) {
	now := p.now()
	request := storage.AuthRequest{
		ID:        storage.NewID(now),
		Browser:   p.guard.EnsureSecret(w, r).Hash(),
		ClientID:  q.client.ID,
		Params:    q.params,
		CreatedAt: now,
		ExpiresAt: now.Add(p.life.AuthRequest),
	}
	store := p.storeRequest
	if q.counted {
		store = p.createRequest
	}
	if err := store(r, request); err != nil {
		p.refuse(w, r, q.params, err)
		return
	}
	if lacking == needConsent {
		p.metrics.authorize("consent")
		redirect(w, continuePath(request.ID))
		return
	}
	p.toLogin(w, request.ID)
}

// storeRequest makes a row for a request that waits for a person, as many as its address may make.
func (p *Provider) storeRequest(r *http.Request, request storage.AuthRequest) error {
	if limited, _ := p.allowAll(r, p.requestUse(r)); limited != nil {
		return limited
	}
	return p.createRequest(r, request)
}

func (p *Provider) requestUse(r *http.Request) storage.Use {
	return p.use(r, "request", p.limits.Requests)
}

func (p *Provider) createRequest(r *http.Request, request storage.AuthRequest) error {
	if err := p.store.CreateAuthRequest(r.Context(), request); err != nil {
		return unavailable(err)
	}
	return nil
}

func (p *Provider) toLogin(w http.ResponseWriter, id storage.ID) {
	p.metrics.authorize("login")
	redirect(w, "/login/"+id.String())
}

func continuePath(id storage.ID) string { return "/authorize/continue?request=" + id.String() }

// unprompted is what prompt=none answers instead of a page (OpenID Connect Core §3.1.2.6).
func unprompted(lacking need) error {
	if lacking == needConsent {
		return &protocolError{"consent_required", "the person has not consented to every scope that is asked for"}
	}
	return &protocolError{"login_required", "the person has to log in"}
}

// tryCode assesses the request and, if nothing is lacking, issues the code. A session that ended between the two counts
// as none.
func (p *Provider) tryCode(r *http.Request, client storage.Client, a storage.AuthParams, stored storage.AuthRequest) (code string, lacking need, live *signedIn, err error) {
	live, err = p.signedIn(r)
	if err != nil {
		return "", 0, nil, err
	}
	lacking, err = p.assess(r.Context(), client, a, stored.SessionID, live)
	if err != nil || lacking != needNothing {
		return "", lacking, live, err
	}
	code, err = p.issueCode(r.Context(), client, a, stored, live)
	if errors.Is(err, errSessionGone) {
		return "", needLogin, nil, nil
	}
	return code, needNothing, live, err
}
