package grants

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"qiao/storage"
)

// userinfo is the UserInfo endpoint (OpenID Connect Core §5.3), a protected resource by RFC 6750. The route is ours: the
// library's takes no other scheme than Bearer, cannot set WWW-Authenticate, and takes tokens from the query.
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	text, err := bearer(w, r)
	if err != nil {
		s.refuseBearer(w, r, err)
		return
	}
	body, err := s.describePerson(r.Context(), text)
	if err != nil {
		s.refuseBearer(w, r, err)
		return
	}
	w.Header()["Content-Type"] = []string{"application/json"}
	_, _ = w.Write(body)
}

// describePerson looks the token up and tells what it may about its person.
func (s *Server) describePerson(ctx context.Context, text string) ([]byte, error) {
	h, err := storage.ParseHandle(text)
	if err != nil {
		return nil, err
	}
	issued, err := s.cfg.Store.AccessPerson(ctx, h.ID)
	if err != nil {
		return nil, err
	}
	a, err := s.findAccess(h, &issued.Grant)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(a.scopes, ScopeOpenID) {
		return nil, failure{http.StatusForbidden, insufficientScope, "the token is not for openid"}
	}
	c, err := s.cfg.Clients.Client(ctx, issued.Grant.ClientID)
	if err != nil {
		return nil, err // also for a client that was removed: its tokens are void
	}
	p, err := s.personClaims(&issued.User, c, a.scopes)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Subject string `json:"sub"`
		person
	}{issued.Grant.UserID, p})
}

// errNoToken: the request brings no token, so it is told how to (RFC 6750 §3.1: without an error code).
var errNoToken = errors.New("no access token")

// bearer finds the one token of a request: in the header, or in the body of a form (RFC 6750 §2). One in the query
// (§2.3) is refused: it is in logs by now.
func bearer(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST, OPTIONS")
		return "", failure{http.StatusMethodNotAllowed, invalidRequest, "use GET or POST"}
	}
	if r.URL.RawQuery != "" && r.URL.Query().Has("access_token") {
		return "", refuse(invalidRequest, "the token belongs in the Authorization header")
	}
	inBody, err := bearerOfBody(w, r)
	if err != nil {
		return "", err
	}
	values := r.Header["Authorization"]
	switch {
	case len(values) > 1, len(values) == 1 && inBody != "":
		return "", refuse(invalidRequest, "more than one access token")
	case inBody != "":
		return inBody, nil
	case len(values) == 0:
		return "", errNoToken
	}
	scheme, text, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errNoToken
	}
	return strings.Trim(text, " "), nil
}

func bearerOfBody(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Method != http.MethodPost {
		return "", nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != formType {
		return "", nil
	}
	form, err := readForm(w, r, []string{"access_token"})
	return form.Get("access_token"), err
}

// refuseBearer answers with the challenge of RFC 6750 §3. A token that the store does not know is invalid_token; what
// the store failed to say is a 5xx.
func (s *Server) refuseBearer(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errNoToken) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.cfg.Issuer+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	f := failureOf(err)
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrLocked) {
		f = failure{http.StatusUnauthorized, invalidToken, "unknown, expired or revoked"}
	}
	s.note(r.Context(), "userinfo", "", f, err)
	if f.Status < http.StatusInternalServerError {
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.cfg.Issuer+`", error="`+f.Code+`", error_description="`+f.Description+`"`)
	}
	f.write(w)
}
