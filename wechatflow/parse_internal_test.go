package wechatflow

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
	"qiao/storage/seal"
)

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"13800001234", "+86 138-0000-1234", "+16502530000", "", "+", "0", "１３８", "tel:+8613800001234;ext=1"} {
		f.Add(s)
	}
	shape := regexp.MustCompile(`^\+861[3-9]\d{9}$`)
	f.Fuzz(func(t *testing.T, typed string) {
		number, problem := parseNumber(typed, []string{"CN"})
		if (number == "") == (problem == "") {
			t.Fatalf("%q: number %q and problem %q", typed, number, problem)
		}
		if number != "" && !shape.MatchString(number) {
			t.Fatalf("%q gave %q", typed, number)
		}
	})
}

func FuzzReadCode(f *testing.F) {
	for _, s := range []string{"123456", "123 456", "１２３４５６", "12345", "123-456\n", "٣٣٣٣٣٣"} {
		f.Add(s)
	}
	shape := regexp.MustCompile(`^[0-9]{6}$`)
	f.Fuzz(func(t *testing.T, typed string) {
		if code, ok := readCode(typed); ok && !shape.MatchString(code) {
			t.Fatalf("%q gave %q", typed, code)
		}
	})
}

func testFlow(t testing.TB) *Flow {
	box, err := seal.New(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	return &Flow{Config: Config{Box: box}}
}

func FuzzParseTo(f *testing.F) {
	flow := testFlow(f)
	a := storage.Attempt{ID: storage.NewID(time.Now())}
	good := flow.sealTo(a, sentTo{number: "+8613800001234", sentAt: time.Unix(1, 0)})
	f.Add(good)
	f.Add("")
	f.Add(good[:20])
	sealed, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := flow.parseTo(text, a); err != nil {
			return
		}
		// Line breaks and unused bits are the encoding's: the bytes are the sealed ones.
		if opened, err := base64.RawURLEncoding.DecodeString(text); err != nil || !bytes.Equal(opened, sealed) {
			t.Fatalf("%q was opened", text)
		}
	})
}

func TestSealedNumberIsOfOneAttempt(t *testing.T) {
	flow := testFlow(t)
	a, b := storage.Attempt{ID: storage.NewID(time.Now())}, storage.Attempt{ID: storage.NewID(time.Now())}
	text := flow.sealTo(a, sentTo{number: "+8613800001234", sentAt: time.Unix(1700000000, 0)})
	require.Equal(t, text, url.QueryEscape(text))
	to, err := flow.parseTo(text, a)
	require.NoError(t, err)
	require.Equal(t, sentTo{number: "+8613800001234", sentAt: time.Unix(1700000000, 0)}, to)
	_, err = flow.parseTo(text, b)
	require.Error(t, err)
}

func TestLoginScene(t *testing.T) {
	for key, want := range map[string]bool{
		"q1.abc": true, "qrscene_q1.abc": true, "f1.follow": false, "p1.abc": false, "": false, "qrscene_": false, "coupon": false, "Q1.abc": false,
	} {
		_, ok := ourScene(key)
		require.Equal(t, want, ok, key)
	}
	require.Len(t, sceneLogin+randomText(), 25)
}

func TestDrawNumber(t *testing.T) {
	places := map[int]int{}
	for range 3000 {
		number, c := drawNumber()
		require.NotEqual(t, c[0], c[1])
		require.NotEqual(t, c[1], c[2])
		require.NotEqual(t, c[0], c[2])
		at := -1
		for i, n := range c {
			require.GreaterOrEqual(t, n, 10)
			require.LessOrEqual(t, n, 99)
			if n == number {
				at = i
			}
		}
		require.GreaterOrEqual(t, at, 0)
		places[at]++
	}
	for i := range 3 {
		require.Greater(t, places[i], 850, "the place tells nothing")
	}
}

func TestNewUser(t *testing.T) {
	id, name := regexp.MustCompile(`^[a-z2-7]{26}$`), regexp.MustCompile(`^[a-z][a-z0-9-]{5,30}$`)
	names := map[string]bool{}
	for range 1000 {
		u := newUser(time.Now())
		require.Regexp(t, id, u.ID)
		require.Regexp(t, name, u.Username)
		names[u.Username] = true
	}
	require.Greater(t, len(names), 995)
	for _, list := range []string{adjectiveWords, nounWords} {
		words := strings.Fields(list)
		seen := map[string]bool{}
		for _, word := range words {
			require.False(t, seen[word], word)
			seen[word] = true
		}
	}
}

func TestFormTarget(t *testing.T) {
	for uri, want := range map[string]string{
		"https://shop.example/callback?x=1": "https://shop.example", "http://127.0.0.1:8080/cb": "http://127.0.0.1:8080",
		"com.example.app:/cb": "'self'", "": "'self'", "/relative": "'self'",
	} {
		require.Equal(t, want, formTarget(uri), uri)
	}
	for _, loopback := range []string{"http://127.0.0.1:8080/cb", "http://[::1]/cb", "http://localhost/cb", "%"} {
		require.Empty(t, hostOf(loopback))
	}
	require.Equal(t, "shop.example", hostOf("https://shop.example/cb"))
	require.Equal(t, "com.example.app", hostOf("com.example.app:/cb"))
}
