package grants

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/go-chi/chi/v5"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"qiao/op/clients"
	"qiao/storage"
)

// Paths below the issuer.
const (
	pathToken      = "/token"
	pathIntrospect = "/introspect"
	pathRevoke     = "/revoke"
	pathUserinfo   = "/userinfo"
	pathKeys       = "/keys"

	pathDeviceAuthorization = "/device_authorization"
	pathDevice              = "/device" // where a person types the code; its picture is below
)

const paramDeviceName = "device_name" // an extension of ours

// Routes mounts /token, /device_authorization, /introspect, /revoke, /userinfo, /keys and /.well-known/openid-configuration.
func (s *Server) Routes(r chi.Router) {
	library := op.RegisterServer(s, op.Endpoints{
		Token:         op.NewEndpoint(pathToken),
		Introspection: op.NewEndpoint(pathIntrospect),
		Revocation:    op.NewEndpoint(pathRevoke),
		JwksURI:       op.NewEndpoint(pathKeys),
	}, op.WithDecoder(decoder{}), op.WithServerCORSOptions(nil)) // its default reflects every origin, with credentials

	r.Handle(pathToken, s.cors("POST", s.private("token", s.guard(s.tokenRequest(library), checkGrantType,
		"grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "device_code", "scope"))))
	r.Handle(pathDeviceAuthorization, s.cors("POST", s.private("device_authorization",
		s.guard(http.HandlerFunc(s.authorizeDevice), anyClient, "scope", paramDeviceName))))
	r.Handle(pathRevoke, s.cors("POST", s.private("revoke", s.guard(library, anyClient, "token", "token_type_hint"))))
	// Introspection is for servers: no CORS.
	r.Handle(pathIntrospect, s.private("introspect", s.guard(library, checkConfidential, "token", "token_type_hint")))
	r.Handle(pathUserinfo, s.cors("GET, POST", s.private("userinfo", http.HandlerFunc(s.userinfo))))
	r.Handle(pathKeys, forEveryone(library))
	r.Handle(oidc.DiscoveryEndpoint, forEveryone(library))
}

// checkGrantType answers grant types that are not served in place of the library, which repeats them in its answer.
func checkGrantType(form url.Values, _ clients.Credentials) error {
	switch grantType := form.Get("grant_type"); {
	case grantType == "":
		return refuse(invalidRequest, "grant_type is missing")
	case !slices.Contains(clients.GrantTypes(), grantType):
		return refuse(unsupportedGrantType, "supported are authorization_code, refresh_token and urn:ietf:params:oauth:grant-type:device_code")
	}
	return nil
}

// checkConfidential keeps introspection to clients that can prove who they are (RFC 7662 §2.1).
func checkConfidential(_ url.Values, cred clients.Credentials) error {
	if cred.Method == storage.AuthMethodNone {
		return failure{http.StatusUnauthorized, invalidClient, "introspection needs a client secret"}
	}
	return nil
}

func anyClient(url.Values, clients.Credentials) error { return nil }

// cors lets the pages of registered clients call an endpoint by script. No cookie is read here, so credentials are
// never allowed. A preflight names no client: the origin of any is good.
func (s *Server) cors(methods string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" {
			// Where the store cannot say, the request itself fails with a 5xx: the page need not read it.
			if allowed, err := s.cfg.Clients.OriginAllowed(r.Context(), origin); err == nil && allowed {
				h.Set("Access-Control-Allow-Origin", origin)
				h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After")
				if r.Method == http.MethodOptions {
					h.Set("Access-Control-Allow-Methods", methods)
					h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
					h.Set("Access-Control-Max-Age", "600")
				}
			}
		}
		if r.Method == http.MethodOptions {
			h.Set("Allow", methods+", OPTIONS")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// forEveryone is for public documents: any page may read them.
func forEveryone(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			r.URL.RawQuery = "" // nothing in it means anything: the library would parse it and fail on a bad one
			next.ServeHTTP(w, r)
		case http.MethodOptions:
			w.Header().Set("Access-Control-Allow-Methods", "GET")
			w.Header().Set("Access-Control-Allow-Headers", "*")
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Allow", "GET, HEAD, OPTIONS")
			failure{http.StatusMethodNotAllowed, invalidRequest, "use GET"}.write(w)
		}
	})
}
