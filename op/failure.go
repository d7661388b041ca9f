package op

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"qiao/ui"
)

// fail shows the error page and returns its kind. What is no pageError is a fault of ours.
func (p *Provider) fail(w http.ResponseWriter, r *http.Request, uiLocales []string, err error) string {
	var e *pageError
	if !errors.As(err, &e) {
		e = &pageError{status: http.StatusInternalServerError, kind: "internal", cause: err}
	}
	page := ui.Failure{
		Frame:     p.frame(w, r, uiLocales),
		Status:    e.status,
		Kind:      e.kind,
		Detail:    e.detail,
		Reference: rand.Text()[:10],
	}
	if e.retryIn > 0 {
		page.RetryIn = int(math.Ceil(e.retryIn.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(page.RetryIn))
		if r.Method == http.MethodGet {
			page.RetryURL = r.URL.RequestURI()
		}
	}
	level := slog.LevelInfo
	if e.status >= http.StatusInternalServerError && r.Context().Err() == nil { // else the browser went away in the middle
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("path", r.URL.Path), slog.String("kind", e.kind), slog.String("reference", page.Reference),
	}
	if e.detail != "" {
		attrs = append(attrs, slog.String("detail", e.detail))
	}
	if e.cause != nil {
		attrs = append(attrs, slog.Any("error", e.cause))
	}
	p.log.LogAttrs(r.Context(), level, "request refused with a page", attrs...)
	p.pages.Render(w, e.status, page)
	return e.kind
}

// frame is the frame of a page at the request's address. A page that answers a post has no address to come back to.
func (p *Provider) frame(w http.ResponseWriter, r *http.Request, uiLocales []string) ui.Frame {
	f := ui.Frame{Lang: p.guard.Lang(w, r, uiLocales)}
	if r.Method == http.MethodGet {
		f.Here = r.URL.RequestURI()
	}
	return f
}
