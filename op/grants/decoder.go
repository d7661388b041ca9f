package grants

import (
	"fmt"
	"net/url"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// decoder fills what the library's routes ask for of a form, which the guard has checked. The library's own finds the
// fields by reflection, for every request anew: that took as long as looking an access token up.
type decoder struct{}

// Decode leaves out what no route of ours reads, such as the client's credentials beside a grant: the guard has refused
// assertions, and Authenticate reads the rest from the request.
func (decoder) Decode(dst any, src map[string][]string) error {
	form := url.Values(src)
	switch r := dst.(type) {
	case *op.ClientCredentials:
		r.ClientID, r.ClientSecret = form.Get("client_id"), form.Get("client_secret")
	case *oidc.AccessTokenRequest:
		r.Code, r.RedirectURI, r.CodeVerifier = form.Get("code"), form.Get("redirect_uri"), form.Get("code_verifier")
	case *oidc.RefreshTokenRequest:
		r.RefreshToken = form.Get("refresh_token")
	case *oidc.IntrospectionRequest:
		r.Token = form.Get("token")
	case *oidc.RevocationRequest:
		r.Token = form.Get("token")
	default:
		return fmt.Errorf("decode form: no route of ours has %T", dst)
	}
	return nil
}
