package op_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestASealedHint(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	s := b.signIn(ann)
	token := w.idToken(firstParty, s.UserID, s.ID.String())
	sealed := func() url.Values {
		hop := b.post("/end_session", url.Values{"id_token_hint": {token}})
		q := hop.location.Query()
		require.NotEmpty(t, q.Get("sealed_hint"))
		return q
	}

	both := sealed()
	both.Set("id_token_hint", token)
	b.get("/end_session?"+both.Encode()).page(t, http.StatusBadRequest)
	for _, bad := range []string{"x", "!", sealed().Get("sealed_hint")[1:], sealed().Get("sealed_hint") + "AAAA"} {
		b.get("/end_session?"+url.Values{"sealed_hint": {bad}}.Encode()).page(t, http.StatusBadRequest)
	}
	require.True(t, b.live())

	late := sealed()
	w.clock.advance(6 * time.Minute)
	asked := b.get("/end_session?" + late.Encode())
	require.Equal(t, http.StatusOK, asked.StatusCode, "an old one says nothing: the person is asked")
	require.True(t, b.live())

	require.Equal(t, http.StatusSeeOther, b.get("/end_session?"+sealed().Encode()).StatusCode)
	require.False(t, b.live())
}

// The hint of an authorization request that was posted works too.
func TestAPostedAuthorizationHint(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	s := b.signIn(ann)
	q := query(firstParty, "prompt", "none")
	for subject, want := range map[string]string{s.UserID: "", "somebody else": "login_required"} {
		q.Set("id_token_hint", w.idToken(firstParty, subject, ""))
		hop := b.post("/authorize", q)
		require.False(t, hop.location.Query().Has("id_token_hint"))
		require.Equal(t, want, b.get(hop.Header.Get("Location")).at(t, shopURI).Get("error"))
	}
}
