package simulator

import (
	"strings"
	"testing"
	"time"

	"qiao/wechatflow/wechat/crypt"
)

func fuzzAccount(f *testing.F) *account {
	key, err := crypt.ParseKey(strings.Repeat("A", 43))
	if err != nil {
		f.Fatal(err)
	}
	return &account{Account: Account{AppID: "wx1", OriginalID: "gh_1", Token: "token", Mode: modeCompat}, key: key, hasKey: true}
}

// Whatever a callback answers becomes a reply for its addressee, nothing, or a fault: never a panic.
func FuzzReply(f *testing.F) {
	a := fuzzAccount(f)
	good := "<xml><ToUserName>o1</ToUserName><FromUserName>gh_1</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><Content>x</Content></xml>"
	sealed := wrap(a, modeSafe, good, "", time.Unix(1, 0))
	for _, seed := range []string{"", "success", good, sealed.body, "<xml><Encrypt>AAAA</Encrypt></xml>", `{"a":1}`, "<!DOCTYPE x [<!ENTITY e 'e'>]><xml>&e;</xml>"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, mode := range []string{modePlain, modeCompat, modeSafe} {
			got, err := readReply(a, mode, "o1", "nonce", body)
			if err == nil && len(got.parts) > 0 && mode == modeSafe && !strings.Contains(string(body), "Encrypt") {
				t.Fatal("a reply in clear passed in safe mode")
			}
		}
	})
}

// Cutting a text at its links loses nothing but the markup, and finds web addresses only.
func FuzzLinks(f *testing.F) {
	for _, seed := range []string{"", "x", `a<a href="http://x/">b</a>c`, "http://x http://y.", `<a href='javascript:x'>y</a>`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		joined := ""
		for _, p := range textParts(text) {
			joined += p.Text
			if p.URL != "" && !webAddress(p.URL) {
				t.Fatalf("%q leads elsewhere", p.URL)
			}
		}
		if !strings.Contains(text, "<") && joined != text {
			t.Fatalf("%q became %q", text, joined)
		}
	})
}
