package clients

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func basic(id, secret string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))}}
}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

func TestAuthenticate(t *testing.T) {
	box := newBox(t)
	web, secret := confidential(box, "web")
	basicOnly, basicSecret := confidential(box, "basic-only")
	basicOnly.AuthMethods = []string{storage.AuthMethodBasic}
	postOnly, postSecret := confidential(box, "post-only")
	postOnly.AuthMethods = []string{storage.AuthMethodPost}
	odd, _ := confidential(box, "odd id:%+")
	odd.SecretHash = HashSecret(box, "s:e+c%r e/t=ü")
	broken, _ := confidential(box, "broken")
	broken.SecretHash = nil
	spa := public("spa")
	r, _, _ := newRegistry(t, web, basicOnly, postOnly, odd, broken, spa)

	raw := func(value string) http.Header { return http.Header{"Authorization": {value}} }
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct {
		name   string
		header http.Header
		form   url.Values
		want   string // a client, or an error code
		basic  bool   // a challenge is due
	}{
		{name: "basic", header: basic("web", secret), want: "web"},
		{name: "basic, scheme in lower case", header: raw("basic " + b64("web:"+secret)), want: "web"},
		{name: "basic, both parts encoded", header: basic("odd id:%+", "s:e+c%r e/t=ü"), want: "odd id:%+"},
		{name: "basic with the same client_id in the body", header: basic("web", secret), form: form("client_id", "web"), want: "web"},
		{name: "basic with an empty secret in the body", header: basic("web", secret), form: form("client_id", "web", "client_secret", ""), want: "web"},
		{name: "post", form: form("client_id", "web", "client_secret", secret), want: "web"},
		{name: "post, odd characters", form: form("client_id", "odd id:%+", "client_secret", "s:e+c%r e/t=ü"), want: "odd id:%+"},
		{name: "none", form: form("client_id", "spa"), want: "spa"},
		{name: "none with an empty secret", form: form("client_id", "spa", "client_secret", ""), want: "spa"},
		{name: "basic only", header: basic("basic-only", basicSecret), want: "basic-only"},
		{name: "post only", form: form("client_id", "post-only", "client_secret", postSecret), want: "post-only"},

		{name: "nothing", want: invalidClient},
		{name: "a secret without an ID", form: form("client_secret", secret), want: invalidClient},
		{name: "two methods", header: basic("web", secret), form: form("client_id", "web", "client_secret", secret), want: invalidRequest, basic: true},
		{name: "two methods, no ID", header: basic("web", secret), form: form("client_secret", secret), want: invalidRequest, basic: true},
		{name: "another client_id in the body", header: basic("web", secret), form: form("client_id", "spa"), want: invalidRequest, basic: true},
		{name: "two headers", header: http.Header{"Authorization": {basic("web", secret).Get("Authorization"), basic("web", secret).Get("Authorization")}}, want: invalidRequest, basic: true},
		{name: "wrong secret", header: basic("web", secret+"x"), want: invalidClient, basic: true},
		{name: "wrong secret by post", form: form("client_id", "web", "client_secret", "x"), want: invalidClient},
		{name: "another client's secret", header: basic("web", basicSecret), want: invalidClient, basic: true},
		{name: "unknown client", header: basic("unknown", secret), want: invalidClient, basic: true},
		{name: "unknown client by post", form: form("client_id", "unknown", "client_secret", secret), want: invalidClient},
		{name: "unknown client with none", form: form("client_id", "unknown"), want: invalidClient},
		{name: "confidential with none", form: form("client_id", "web"), want: invalidClient},
		{name: "public with a secret", form: form("client_id", "spa", "client_secret", "x"), want: invalidClient},
		{name: "public with basic", header: basic("spa", ""), want: invalidClient, basic: true},
		{name: "no stored hash, empty secret", header: basic("broken", ""), want: invalidClient, basic: true},
		{name: "empty secret by basic", header: basic("web", ""), want: invalidClient, basic: true},
		{name: "method not registered: post", form: form("client_id", "basic-only", "client_secret", basicSecret), want: invalidClient},
		{name: "method not registered: basic", header: basic("post-only", postSecret), want: invalidClient, basic: true},
		{name: "assertion", form: form("client_id", "web", "client_assertion", "x", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), want: invalidClient},
		{name: "assertion beside basic", header: basic("web", secret), form: form("client_assertion", "x"), want: invalidClient, basic: true},
		{name: "bearer", header: raw("Bearer abc"), want: invalidClient, basic: true},
		{name: "bearer beside a public client", header: raw("Bearer abc"), form: form("client_id", "spa"), want: invalidClient, basic: true},
		{name: "empty header", header: raw(""), want: invalidClient, basic: true},
		{name: "basic without anything", header: raw("Basic"), want: invalidClient, basic: true},
		{name: "basic, not base64", header: raw("Basic !!!"), want: invalidClient, basic: true},
		{name: "basic without a colon", header: raw("Basic " + b64("web")), want: invalidClient, basic: true},
		{name: "basic with an empty ID", header: raw("Basic " + b64(":"+secret)), want: invalidClient, basic: true},
		{name: "basic, broken escape in the ID", header: raw("Basic " + b64("we%zz:"+secret)), want: invalidClient, basic: true},
		{name: "basic, broken escape in the secret", header: raw("Basic " + b64("web:%")), want: invalidClient, basic: true},
		{name: "oversized ID", form: form("client_id", strings.Repeat("a", 60_000), "client_secret", "x"), want: invalidClient},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.Authenticate(t.Context(), c.header, c.form)
			if c.want != invalidClient && c.want != invalidRequest {
				require.NoError(t, err)
				require.Equal(t, c.want, got.ID)
				return
			}
			var fault *AuthError
			require.ErrorAs(t, err, &fault)
			require.Equal(t, c.want, fault.Code)
			require.Equal(t, c.basic, fault.Challenge)
			require.Regexp(t, `^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`, fault.Description, "RFC 6749 section 5.2")
			require.Empty(t, got.ID)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

func TestAuthenticationTellsNothingApart(t *testing.T) {
	web, secret := confidential(newBox(t), "web")
	r, _, _ := newRegistry(t, web, public("spa"))
	var answers []string
	for _, f := range []url.Values{
		form("client_id", "web", "client_secret", "wrong"), form("client_id", "unknown", "client_secret", "wrong"),
		form("client_id", "spa", "client_secret", "wrong"), form("client_id", "unknown", "client_secret", secret),
		form("client_id", "unknown"), form("client_id", "web"),
	} {
		_, err := r.Authenticate(t.Context(), nil, f)
		answers = append(answers, err.Error())
	}
	for _, a := range answers {
		require.Equal(t, answers[0], a)
	}
}

func TestAuthenticationPassesAStoreErrorOn(t *testing.T) {
	web, secret := confidential(newBox(t), "web")
	r, store, _ := newRegistry(t, web)
	store.fail = errors.New("the database is down")
	_, err := r.Authenticate(t.Context(), basic("web", secret), nil)
	var fault *AuthError
	require.Error(t, err)
	require.False(t, errors.As(err, &fault), "a client whose secret is right is not told invalid_client")
}

func TestRotatedSecret(t *testing.T) {
	box := newBox(t)
	web, old := confidential(box, "web")
	r, store, clock := newRegistry(t, web)
	_, err := r.Authenticate(t.Context(), basic("web", old), nil)
	require.NoError(t, err)
	fresh, hash := NewSecret(box)
	web.SecretHash = hash
	store.put(web)
	clock.Add(maxAge)
	_, err = r.Authenticate(t.Context(), basic("web", old), nil)
	require.Error(t, err)
	_, err = r.Authenticate(t.Context(), basic("web", fresh), nil)
	require.NoError(t, err)
}

func TestSecretsAreLongAndHidden(t *testing.T) {
	box := newBox(t)
	seen := map[string]bool{}
	for range 1000 {
		text, hash := NewSecret(box)
		require.Len(t, text, 43)
		require.Len(t, hash, 32)
		require.NotContains(t, string(hash), text)
		seen[text] = true
	}
	require.Len(t, seen, 1000)
	cred, err := ReadCredentials(basic("web", "hunter2-secret"), nil)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %s", cred, cred, cred), "hunter2")
}

func FuzzReadCredentials(f *testing.F) {
	f.Add("Basic d2ViOnNlY3JldA==", "web", "")
	f.Add("", "web", "secret")
	f.Add("Bearer x", "", "")
	f.Fuzz(func(t *testing.T, authorization, id, secret string) {
		h := http.Header{}
		if authorization != "" {
			h["Authorization"] = []string{authorization}
		}
		cred, err := ReadCredentials(h, form("client_id", id, "client_secret", secret))
		if err != nil {
			return
		}
		if cred.ID == "" || (authorization != "") != (cred.Method == storage.AuthMethodBasic) || authorization != "" && secret != "" {
			t.Fatalf("%v from %q %q %q", cred, authorization, id, secret)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	web, secret := confidential(newBox(b), "web")
	r, _, _ := newRegistry(b, web)
	h := basic("web", secret)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Authenticate(b.Context(), h, nil); err != nil {
			b.Fatal(err)
		}
	}
}
