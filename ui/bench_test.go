package ui_test

import (
	"net/http"
	"testing"

	"qiao/ui"
	"qiao/ui/samples"
)

// nobody takes an answer and keeps nothing of it.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header         { return n.header }
func (n nobody) Write(b []byte) (int, error) { return len(b), nil }
func (n nobody) WriteHeader(int)             {}

// What a returning login is shown: the card with its code, and the card that lets it in.
func BenchmarkRenderLogin(b *testing.B) {
	r := renderer(b)
	for _, s := range samples.All(ui.Chinese) {
		switch s.Name {
		case "login-waiting", "login-confirmed", "login-continue-as":
			b.Run(s.Name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r.Render(nobody{http.Header{}}, http.StatusOK, s.Page)
				}
			})
		}
	}
}

func BenchmarkQR(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ui.QRSVG("http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY"); err != nil {
			b.Fatal(err)
		}
	}
}
