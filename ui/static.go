package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed static/*
var staticFiles embed.FS

// asset is one static file under its hashed name.
type asset struct {
	body        []byte
	contentType string
}

type assets struct {
	paths map[string]string // file name → path with hash
	files map[string]asset  // path with hash → file
}

// brandStyle is the style sheet that a brand's colour makes: laid over ours, a file like it, and so within the policy.
const brandStyle = "brand.css"

func loadAssets(brand Brand) (*assets, error) {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("list static files: %w", err)
	}
	a := &assets{paths: map[string]string{}, files: map[string]asset{}}
	for _, e := range entries {
		body, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read static file: %w", err)
		}
		ext := path.Ext(e.Name())
		types := map[string]string{
			".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
		}
		if types[ext] == "" {
			return nil, fmt.Errorf("static file %s: no content type for its extension", e.Name())
		}
		a.add(e.Name(), body, types[ext])
	}
	style, err := brand.style()
	if err != nil {
		return nil, err
	}
	if style != "" {
		a.add(brandStyle, []byte(style), "text/css; charset=utf-8")
	}
	return a, nil
}

// path is where a static file is.
func (a *assets) path(name string) (string, error) {
	p, ok := a.paths[name]
	if !ok {
		return "", fmt.Errorf("no static file %s", name)
	}
	return p, nil
}

func (a *assets) add(name string, body []byte, contentType string) {
	ext, sum := path.Ext(name), sha256.Sum256(body)
	hashed := "/static/" + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	a.paths[name] = hashed
	a.files[hashed] = asset{body: body, contentType: contentType}
}

// Static serves /static/…. A name carries the hash of its content, so it may be cached for good; during a rolling
// update a replica that lacks the hash answers 404 without caching.
func (r *Renderer) Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		f, ok := r.assets.files[req.URL.Path]
		if !ok {
			h.Set("Cache-Control", "no-store")
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		h.Set("Content-Type", f.contentType)
		h.Set("Content-Length", strconv.Itoa(len(f.body)))
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		if req.Method == http.MethodHead {
			return
		}
		if _, err := w.Write(f.body); err != nil {
			r.log.Debug("static file not delivered", "error", err)
		}
	})
}
