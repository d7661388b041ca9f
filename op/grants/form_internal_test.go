package grants

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// heard is an op.Server that keeps what the library's routes hand it.
type heard struct {
	op.UnimplementedServer
	client [2]string
	data   []string
}

func (h *heard) VerifyClient(_ context.Context, r *op.Request[op.ClientCredentials]) (op.Client, error) {
	h.client = [2]string{r.Data.ClientID, r.Data.ClientSecret}
	return (&client{}).allowed(), nil
}

func (h *heard) CodeExchange(_ context.Context, r *op.ClientRequest[oidc.AccessTokenRequest]) (*op.Response, error) {
	h.data = []string{"code", r.Data.Code, r.Data.RedirectURI, r.Data.CodeVerifier}
	return &op.Response{}, nil
}

func (h *heard) RefreshToken(_ context.Context, r *op.ClientRequest[oidc.RefreshTokenRequest]) (*op.Response, error) {
	h.data = []string{"refresh", r.Data.RefreshToken, r.PostForm.Get("scope")}
	return &op.Response{}, nil
}

func (h *heard) Introspect(_ context.Context, r *op.Request[op.IntrospectionRequest]) (*op.Response, error) {
	h.client = [2]string{r.Data.ClientID, r.Data.ClientSecret}
	h.data = []string{"introspect", r.Data.Token, r.PostForm.Get("token")}
	return &op.Response{}, nil
}

func (h *heard) Revocation(_ context.Context, r *op.ClientRequest[oidc.RevocationRequest]) (*op.Response, error) {
	h.data = []string{"revoke", r.Data.Token}
	return &op.Response{}, nil
}

// allowed is a client with every grant type of the library's routes.
func (c *client) allowed() *client {
	c.registered.GrantTypes = []string{"authorization_code", "refresh_token"}
	return c
}

// send sends a form through the guard to the library's routes, with the given options, and returns what came of it.
func send(method, path, query, media, authorization string, body io.Reader, options ...op.ServerOption) (*heard, url.Values, *httptest.ResponseRecorder) {
	h, form := &heard{}, url.Values(nil)
	library := op.RegisterServer(h, op.Endpoints{
		Token: op.NewEndpoint(pathToken), Introspection: op.NewEndpoint(pathIntrospect), Revocation: op.NewEndpoint(pathRevoke),
	}, options...)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form = r.PostForm
		library.ServeHTTP(w, r)
	})
	s := &Server{cfg: Config{Issuer: "https://issuer.example"}}
	r := httptest.NewRequest(method, path, body)
	r.URL.RawQuery = query
	r.Header.Set("Content-Type", media)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	out := httptest.NewRecorder()
	s.guard(next, anyClient, "grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "token").ServeHTTP(out, r)
	return h, form, out
}

// TestFormReachesTheRoutes keeps FuzzForm from comparing nothing with nothing.
func TestFormReachesTheRoutes(t *testing.T) {
	for path, want := range map[string]struct {
		body string
		data []string
	}{
		pathToken:      {"grant_type=authorization_code&code=c+d&redirect_uri=u&code_verifier=v&client_id=a%26b&client_secret=s", []string{"code", "c d", "u", "v"}},
		pathIntrospect: {"token=t&client_id=a%26b&client_secret=s", []string{"introspect", "t", "t"}},
		pathRevoke:     {"token=t&client_id=a%26b&client_secret=s", []string{"revoke", "t"}},
	} {
		for _, options := range [][]op.ServerOption{nil, {op.WithDecoder(decoder{})}} {
			h, _, out := send(http.MethodPost, path, "", "Application/X-WWW-form-urlencoded; charset=utf-8", "", strings.NewReader(want.body), options...)
			require.Equal(t, http.StatusOK, out.Code, out.Body)
			require.Equal(t, [2]string{"a&b", "s"}, h.client)
			require.Equal(t, want.data, h.data)
		}
	}
	var none decoder
	require.Error(t, none.Decode(&oidc.TokenExchangeRequest{}, nil), "a route that is not ours")
}

// FuzzForm: what the guard lets through is what net/http and the library's own decoder read of the same body, each
// parameter once; and what it does not let through reaches no route.
func FuzzForm(f *testing.F) {
	const basic = "Basic dzpz" // w:s
	for _, body := range []string{
		"grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Frp%2Fcb&code_verifier=v&client_id=web&client_secret=s",
		"grant_type=refresh_token&refresh_token=r&scope=openid+phone", "token=t&token_type_hint=refresh_token",
		"grant_type=refresh_token&refresh_token=r&refresh_token=s", "token=a&token", "token=&token=a", "Token=a&TOKEN=b", "%74oken=t",
		"token=%00", "token=%E6", "token=a;b", "token=a%3Bb&&&=", "token[]=1&token.0=2&Token.Code=3&scope.999999999=x", "=token",
		"client_id=web&client_assertion=x", "token=t\r\n", "token=t#f", "?token=t", strings.Repeat("a&", 20_000) + "token=t",
	} {
		for _, path := range []string{pathToken, pathIntrospect, pathRevoke} {
			f.Add(path, "", formType, basic, body)
			f.Add(path, "token=q", formType+"; charset=GBK", "", body+"&client_id=w")
		}
	}
	f.Fuzz(func(t *testing.T, path, query, media, authorization, body string) {
		switch path {
		case pathToken, pathIntrospect, pathRevoke:
		default:
			path = pathToken
		}
		if strings.ContainsAny(media+authorization, "\r\n") {
			return
		}
		ours, form, _ := send(http.MethodPost, path, query, media, authorization, strings.NewReader(body), op.WithDecoder(decoder{}))
		chunked, again, _ := send(http.MethodPost, path, query, media, authorization, io.MultiReader(strings.NewReader(body)), op.WithDecoder(decoder{}))
		require.Equal(t, ours, chunked, "a body without a length")
		require.Equal(t, form, again)
		theirs, _, _ := send(http.MethodPost, path, query, media, authorization, strings.NewReader(body))
		require.Equal(t, theirs.client, ours.client)
		require.Equal(t, theirs.data, ours.data)
		if form == nil {
			require.Nil(t, ours.data)
			return
		}
		parsed, err := url.ParseQuery(body)
		require.NoError(t, err)
		for name, values := range form {
			require.Equal(t, parsed[name], values)
			require.Len(t, values, 1)
			require.True(t, printable(values[0]))
		}
		require.Empty(t, parsed.Get("client_assertion"))
	})
}
