package op_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// live reports whether the browser is signed in, as a client would see it.
func (b *tab) live() bool {
	b.w.t.Helper()
	q := b.get(authorizePath(query(firstParty, "prompt", "none"))).at(b.w.t, shopURI)
	return q.Get("code") != ""
}

func TestLogout(t *testing.T) {
	// What the request is answered with.
	const (
		ended = "ended" // and led to the address
		asked = "asked"
		page  = "page"
	)
	w := newWorld(t, settings{})
	type hints struct{ mine, older, bare, others, foreign string }
	for name, c := range map[string]struct {
		query  func(h hints) url.Values
		want   string
		status int    // with page
		to     string // with ended
		after  string // with asked, once approved
	}{
		"nothing": {
			query: func(hints) url.Values { return nil }, want: asked, after: "/logged-out",
		},
		"hint alone": {
			query: func(h hints) url.Values { return url.Values{"id_token_hint": {h.mine}} }, want: ended, to: "/logged-out",
		},
		"hint and address": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.mine}, "post_logout_redirect_uri": {shopBye}, "state": {"a b&ü"}}
			}, want: ended, to: shopBye + "&state=a+b%26%C3%BC",
		},
		"hint and address, no state": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.mine}, "post_logout_redirect_uri": {shopBye}}
			}, want: ended, to: shopBye,
		},
		"hint, client and address": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.mine}, "client_id": {firstParty}, "post_logout_redirect_uri": {shopBye}}
			}, want: ended, to: shopBye,
		},
		"hint without sid": {
			query: func(h hints) url.Values { return url.Values{"id_token_hint": {h.bare}} }, want: ended, to: "/logged-out",
		},
		"state without address": {
			query: func(h hints) url.Values { return url.Values{"id_token_hint": {h.mine}, "state": {"s"}} }, want: ended, to: "/logged-out",
		},
		"unknown parameters": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.mine}, "x": {"1", "2"}, "logout_hint": {"ann"}, "ui_locales": {"en"}}
			}, want: ended, to: "/logged-out?ui_locales=en",
		},
		"hint of an older session": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.older}, "post_logout_redirect_uri": {shopBye}}
			}, want: asked, after: shopBye,
		},
		"hint of another person": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.others}, "post_logout_redirect_uri": {shopBye}, "state": {"s"}}
			}, want: asked, after: shopBye + "&state=s",
		},
		"client and address": {
			query: func(hints) url.Values {
				return url.Values{"client_id": {firstParty}, "post_logout_redirect_uri": {shopBye}, "state": {"s"}}
			}, want: asked, after: shopBye + "&state=s",
		},
		"address alone": {
			query: func(hints) url.Values { return url.Values{"post_logout_redirect_uri": {shopBye}, "state": {"s"}} },
			want:  asked, after: "/logged-out",
		},
		"evil address alone": {
			query: func(hints) url.Values { return url.Values{"post_logout_redirect_uri": {"https://evil.example/"}} },
			want:  asked, after: "/logged-out",
		},
		"client alone": {
			query: func(hints) url.Values { return url.Values{"client_id": {firstParty}} }, want: asked, after: "/logged-out",
		},
		"address not registered": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.mine}, "post_logout_redirect_uri": {"https://evil.example/"}}
			}, want: page, status: 400,
		},
		"address with an added query": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.mine}, "post_logout_redirect_uri": {shopBye + "&y=2"}}
			}, want: page, status: 400,
		},
		"address that is a redirect URI": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.mine}, "post_logout_redirect_uri": {shopURI}}
			}, want: page, status: 400,
		},
		"address of another client": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.mine}, "post_logout_redirect_uri": {forumBye}}
			}, want: page, status: 400,
		},
		"client and address not registered": {
			query: func(hints) url.Values {
				return url.Values{"client_id": {firstParty}, "post_logout_redirect_uri": {forumBye}}
			}, want: page, status: 400,
		},
		"hint modified": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {flip(h.mine)}, "post_logout_redirect_uri": {shopBye}}
			}, want: page, status: 400,
		},
		"hint rubbish": {
			query: func(hints) url.Values { return url.Values{"id_token_hint": {"x"}} }, want: page, status: 400,
		},
		"hint of another client": {
			query: func(h hints) url.Values { return url.Values{"id_token_hint": {h.foreign}, "client_id": {firstParty}} },
			want:  page, status: 400,
		},
		"hint of a client that is gone": {
			query: func(h hints) url.Values { return url.Values{"id_token_hint": {strings.TrimSpace(h.foreign) + "x"}} },
			want:  page, status: 400,
		},
		"client unknown": {
			query: func(hints) url.Values { return url.Values{"client_id": {"nobody"}} }, want: page, status: 400,
		},
		"hint twice": {
			query: func(h hints) url.Values { return url.Values{"id_token_hint": {h.mine, h.mine}} }, want: page, status: 400,
		},
		"state with a line feed": {
			query: func(h hints) url.Values { return url.Values{"id_token_hint": {h.mine}, "state": {"a\r\nb"}} },
			want:  page, status: 400,
		},
		"too long": {
			query: func(h hints) url.Values {
				return url.Values{"id_token_hint": {h.mine}, "logout_hint": {strings.Repeat("a", 600)}}
			},
			want: page, status: 400,
		},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(name+" by "+method, func(t *testing.T) {
				w := w.in(t)
				b := w.browser()
				s := b.signIn(ann)
				q := c.query(hints{
					mine: w.idToken(firstParty, s.UserID, s.ID.String()), older: w.idToken(firstParty, s.UserID, "older"),
					bare: w.idToken(firstParty, s.UserID, ""), others: w.idToken(firstParty, "another", s.ID.String()),
					foreign: w.idToken(thirdParty, s.UserID, s.ID.String()),
				})
				var a answer
				if method == http.MethodPost {
					hop := b.post("/end_session", q)
					require.Equal(t, "/end_session", hop.location.Path)
					if hint := q.Get("id_token_hint"); len(q["id_token_hint"]) == 1 && len(hint) <= 8192 {
						require.False(t, hop.location.Query().Has("id_token_hint"), "no token in an address that may last")
					}
					a = b.get(hop.Header.Get("Location"))
				} else {
					a = b.get("/end_session?" + q.Encode())
				}
				switch c.want {
				case ended:
					require.Equal(t, http.StatusSeeOther, a.StatusCode, a.body)
					require.Equal(t, c.to, a.Header.Get("Location"))
					require.False(t, b.live())
				case page:
					a.page(t, c.status)
					require.True(t, b.live(), "a refused request ends nothing")
				case asked:
					require.True(t, b.live(), "nothing ends before the answer")
					b.answersLogout(a, "decline", "/logged-out?stayed=1")
					require.True(t, b.live())
					b.answersLogout(a, "approve", c.after)
					require.False(t, b.live())
					_, cookie := b.session()
					require.False(t, cookie)
					b.answersLogout(a, "approve", c.after) // clicked twice
				}
			})
		}
	}
}

// flip changes one bit's worth of a token's payload.
func flip(token string) string {
	parts := strings.Split(token, ".")
	parts[1] = "f" + parts[1][1:]
	return strings.Join(parts, ".")
}

// answersLogout presses a button of the logout page, after strangers have tried to.
func (b *tab) answersLogout(page answer, pressed, to string) {
	t := b.w.t
	t.Helper()
	form := page.form(t, pressed)
	action := actionOf(t, page)
	require.NotContains(t, action, "id_token_hint")
	b.post(action, url.Values{pressed: {"yes"}}).page(t, http.StatusForbidden)
	r := b.postRequest(action, form)
	r.Header.Set("Origin", "https://evil.example")
	b.do(r).page(t, http.StatusForbidden)
	b.w.browser().post(action, form).page(t, http.StatusNotFound)
	a := b.post(action, form)
	require.Equal(t, http.StatusSeeOther, a.StatusCode, a.body)
	require.Equal(t, to, a.Header.Get("Location"))
}

func actionOf(t *testing.T, page answer) string {
	t.Helper()
	_, rest, ok := strings.Cut(page.body, `action="`)
	require.True(t, ok, page.body)
	action, _, _ := strings.Cut(rest, `"`)
	return strings.NewReplacer("&amp;", "&", "&#43;", "+").Replace(action)
}

// Without a session there is nothing to ask about: a good hint leads on, anything else to our page.
func TestLogoutOfNobody(t *testing.T) {
	w := newWorld(t, settings{})
	b := w.browser()
	s := b.signIn(ann)
	hint := w.idToken(firstParty, s.UserID, s.ID.String())
	stranger := w.browser()
	q := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {shopBye}, "state": {"s"}}
	require.Equal(t, shopBye+"&state=s", stranger.get("/end_session?"+q.Encode()).Header.Get("Location"))
	require.True(t, b.live(), "an ID token alone ends nobody's session")
	q.Del("id_token_hint")
	q.Set("client_id", firstParty)
	require.Equal(t, "/logged-out", stranger.get("/end_session?"+q.Encode()).Header.Get("Location"))
	require.Equal(t, "/logged-out", stranger.get("/end_session").Header.Get("Location"))

	for path, want := range map[string]string{"/logged-out": "You are signed out", "/logged-out?stayed=1": "still signed in"} {
		a := stranger.get(path)
		require.Equal(t, http.StatusOK, a.StatusCode)
		require.Contains(t, strings.ToLower(a.body), strings.ToLower(want))
	}
}
