package op

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/op/clients"
	"qiao/op/keys"
	"qiao/storage"
	"qiao/storage/seal"
)

// oneClient is a registry's store with one client.
type oneClient struct{ client storage.Client }

func (s oneClient) Client(_ context.Context, id string) (storage.Client, error) {
	if id != s.client.ID {
		return storage.Client{}, storage.ErrNotFound
	}
	return s.client, nil
}

func (s oneClient) ListClients(context.Context) ([]storage.Client, error) {
	return []storage.Client{s.client}, nil
}

func (s oneClient) Version(context.Context) (int64, error) { return 1, nil }

// noKeys is the store of a ring that is never loaded: no hint is ours.
type noKeys struct{ keys.Store }

// kept is what a request takes in the store, but for the names and the quotes of lists.
func kept(t testing.TB, params storage.AuthParams) int {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(params))
	return b.Len()
}

// However the parameters are filled, within the bound of each, what is kept is within the bound of all, and who goes over
// it is told with which.
func TestKeptIsBounded(t *testing.T) {
	p := checker(t)
	refused := map[string]bool{}
	for _, c := range []string{"a", "a ", "<", `"`, `\`, "\u2028", "ü"} {
		for part := 1; part <= 8; part++ {
			query := url.Values{"client_id": {"rp"}, "redirect_uri": {fuzzURI}, "response_type": {"code"}, "scope": {"openid phone"}}
			for _, name := range []string{"state", "nonce", "login_hint", "ui_locales", "acr_values"} {
				query.Set(name, strings.Repeat(c, authorizeLimits()[name]*part/8/len(c)))
			}
			q := &inquiry{rawQuery: query.Encode()}
			if err := p.check(context.Background(), q); err != nil {
				refused[c] = true
				var page *pageError
				require.ErrorAs(t, err, &page)
				require.Contains(t, page.detail, "state is too long")
				continue
			}
			require.Less(t, kept(t, q.params), maxKept+1<<10, "%q", c)
		}
	}
	require.Equal(t, map[string]bool{`"`: true, `\`: true, "\u2028": true}, refused, "letters never reach it")
}

const fuzzURI = "https://rp.example/cb?a=b%2Fc"

func checker(t testing.TB) *Provider {
	client := storage.Client{
		ID: "rp", AuthMethods: []string{storage.AuthMethodBasic}, RedirectURIs: []string{fuzzURI},
		GrantTypes: []string{"authorization_code"}, Scopes: []string{"openid", "phone"},
	}
	box, err := seal.New(make([]byte, 32))
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	ring, err := keys.New(keys.Config{Issuer: "https://id.example", Store: noKeys{}, Box: box, Now: time.Now, Log: log})
	require.NoError(t, err)
	return &Provider{
		issuer:  "https://id.example",
		clients: clients.New(clients.Config{Store: oneClient{client}, Now: time.Now, Log: log}),
		keys:    ring,
		now:     time.Now,
	}
}

// FuzzAuthorizeQuery: whatever is sent, nobody is redirected to an address that is not registered, an error that the
// client hears is printable, what passed the checks is valid, and the state comes back as it was sent.
func FuzzAuthorizeQuery(f *testing.F) {
	good := url.Values{
		"client_id": {"rp"}, "redirect_uri": {fuzzURI}, "response_type": {"code"}, "scope": {"openid phone"},
		"state": {"s t&a=ü%"}, "nonce": {"n"}, "prompt": {"login consent"}, "max_age": {"3600"},
		"code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"},
	}
	f.Add(good.Encode())
	for _, seed := range []string{
		"", "&&;=%", "client_id=rp", "client_id=rp&client_id=rp", "client_id=rp&redirect_uri=https://evil.example/",
		good.Encode() + "&state=2", good.Encode() + "&request=x", "state=%00&" + good.Encode(), "x=%zz&" + good.Encode(),
	} {
		f.Add(seed)
	}
	p := checker(f)
	f.Fuzz(func(t *testing.T, raw string) {
		q := &inquiry{rawQuery: raw}
		err := p.check(context.Background(), q)
		var page *pageError
		var told *protocolError
		switch {
		case errors.As(err, &told):
			require.Equal(t, fuzzURI, q.params.RedirectURI)
			require.Regexp(t, `^[ !#-\[\]-~]+$`, told.description)
			require.Regexp(t, `^[a-z_]+$`, told.code)
		case errors.As(err, &page):
			require.Empty(t, q.params.RedirectURI, "a page although the client is known: %v", err)
			require.Regexp(t, `^[ !#-\[\]-~]+$`, page.detail)
			return
		default:
			require.NoError(t, err)
			require.Equal(t, fuzzURI, q.params.RedirectURI)
			require.Contains(t, q.params.Scopes, "openid")
			require.Subset(t, []string{"openid", "phone"}, q.params.Scopes)
			require.False(t, slices.Contains(q.params.Prompt, promptNone) && len(q.params.Prompt) > 1)
			require.True(t, q.params.MaxAge == nil || *q.params.MaxAge >= 0)
			require.Less(t, kept(t, q.params), maxKept+1<<10)
		}
		rec := httptest.NewRecorder()
		p.sendCode(rec, httptest.NewRequest("GET", "/authorize", nil), q.client, q.params, "the-code")
		location := rec.Header().Get("Location")
		require.True(t, strings.HasPrefix(location, fuzzURI+"&"), location)
		sent, err := url.Parse(location)
		require.NoError(t, err)
		require.Equal(t, q.params.State, sent.Query().Get("state"))
		require.Equal(t, []string{"b/c"}, sent.Query()["a"], "the registered query is changed")
	})
}
