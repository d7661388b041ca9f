// Command gallery serves every page in every state on loopback, to look at and to take screenshots of:
//
//	go run ./ui/gallery -listen 127.0.0.1:8089
//	go run ./ui/gallery -shots DIR [-only login-waiting.zh-CN]
package main

import (
	"flag"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"qiao/ui"
	"qiao/ui/samples"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "loopback address to listen on")
	shots := flag.String("shots", "", "write a PNG of each into this folder, and end")
	only := flag.String("only", "", "with -shots: those whose name <sample>.<language>.<screen> contains this")
	flag.Parse()
	if err := run(*listen, *shots, *only); err != nil {
		fmt.Fprintln(os.Stderr, "gallery:", err)
		os.Exit(1)
	}
}

func run(listen, shots, only string) error {
	pages, err := ui.New(ui.Config{Brand: ui.Brand{Name: "云图账号"}, Log: slog.Default()})
	if err != nil {
		return fmt.Errorf("prepare pages: %w", err)
	}
	branded, err := ui.New(ui.Config{Brand: brand(), Log: slog.Default()})
	if err != nil {
		return fmt.Errorf("prepare pages with a brand: %w", err)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: handler(pages, branded), ReadHeaderTimeout: 5 * time.Second}
	if shots != "" {
		go func() { _ = server.Serve(l) }() // ends with the process
		return shoot("http://"+l.Addr().String(), shots, only)
	}
	fmt.Printf("http://%s/\n", l.Addr())
	return server.Serve(l)
}

// code is what the samples' pictures hold.
const code = "http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY"

// brand is an operator who uses every setting of the brand.
func brand() ui.Brand {
	return ui.Brand{
		Name: "云图账号", LogoURL: "/brand.svg", Colour: "#8a3ffc",
		Links: []ui.Link{
			{Kind: "privacy", URL: "https://yuntu.example/privacy"}, {Kind: "help", URL: "/help"},
			{URL: "https://yuntu.example/about", Labels: map[string]string{ui.Chinese: "关于云图", ui.English: "About Yuntu"}},
		},
	}
}

const brandLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="16" fill="#8a3ffc"/>` +
	`<path d="M8 21a5 5 0 0 1 2-9 7 7 0 0 1 13 2 4 4 0 0 1 1 7z" fill="#fff"/></svg>`

func handler(pages, branded *ui.Renderer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /static/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/static/brand.") {
			branded.Static().ServeHTTP(w, r)
			return
		}
		pages.Static().ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /brand.svg", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(brandLogo))
	})
	mux.HandleFunc("GET /{$}", index)
	for path, renderer := range map[string]*ui.Renderer{"page": pages, "branded": branded} {
		mux.HandleFunc("GET /"+path+"/{lang}/{name}", func(w http.ResponseWriter, r *http.Request) {
			for _, s := range samples.All(r.PathValue("lang")) {
				if s.Name == r.PathValue("name") {
					renderer.Render(w, s.Status, s.Page)
					return
				}
			}
			http.NotFound(w, r)
		})
	}
	// The samples' own addresses: a state that never changes, and a picture.
	mux.HandleFunc("GET /login/sample/state", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("POST /", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }) // stay on the page
	mux.HandleFunc("GET /device/picture/sample.svg", func(w http.ResponseWriter, r *http.Request) {
		svg, err := ui.QRSVG(code)
		if err != nil {
			http.Error(w, "no picture", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write([]byte(svg))
	})
	mux.HandleFunc("GET /login/sample/picture.png", func(w http.ResponseWriter, r *http.Request) {
		png, err := ui.QRPNG(code)
		if err != nil {
			http.Error(w, "no picture", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(png)
	})
	return mux
}

func index(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	b.WriteString("<!doctype html><meta charset=utf-8><title>Gallery</title><h1>Gallery</h1>")
	for _, lang := range []string{ui.Chinese, ui.English} {
		fmt.Fprintf(&b, "<h2>%s</h2><ul>", lang)
		for _, s := range samples.All(lang) {
			fmt.Fprintf(&b, `<li><a href="/page/%s/%s">%s</a>`, lang, template.HTMLEscapeString(s.Name), template.HTMLEscapeString(s.Name))
		}
		b.WriteString("</ul>")
	}
	b.WriteString("<p>Each of them with an operator's brand: /branded/ in place of /page/.</p>")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(b.String()))
}
