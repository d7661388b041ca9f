package op

import "net/http"

// metadata answers RFC 8414: the same document as OpenID discovery. It is public, so that any page may read it.
func (p *Provider) metadata(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=600")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(p.grants.Metadata())
}
