package wechatflow

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"qiao/storage"
	"qiao/ui"
)

// maxFormBytes bounds every posted form.
const maxFormBytes = 16 << 10

// storeRetry is when to come back after the Store or the Signals did not answer.
const storeRetry = 5 * time.Second

// frame is what every page has. A page that answers a post has no address to come back to.
func (f *Flow) frame(r *http.Request, lang string) ui.Frame {
	frame := ui.Frame{Lang: lang}
	if r.Method == http.MethodGet {
		frame.Here = r.URL.RequestURI()
	}
	return frame
}

// fail shows the error page. The cause is logged under the reference that the page shows, once, here.
func (f *Flow) fail(w http.ResponseWriter, r *http.Request, lang string, page ui.Failure, cause error) {
	page.Frame = f.frame(r, lang)
	page.Reference = rand.Text()[:10]
	if page.RetryIn > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(page.RetryIn))
	}
	attrs := []any{"kind", page.Kind, "status", page.Status, "reference", page.Reference}
	if cause != nil {
		attrs = append(attrs, "error", cause)
	}
	if page.Status >= http.StatusInternalServerError {
		f.Log.ErrorContext(r.Context(), "login request failed", attrs...)
	} else {
		f.Log.InfoContext(r.Context(), "login request refused", attrs...)
	}
	f.Pages.Render(w, page.Status, page)
}

// unavailable answers a fault of the Store or the Signals: 503 with a hint, never an error of the person's.
func (f *Flow) unavailable(w http.ResponseWriter, r *http.Request, lang string, cause error) {
	retry := ""
	if r.Method == http.MethodGet {
		retry = r.URL.RequestURI()
	}
	f.fail(w, r, lang, ui.Failure{
		Status: http.StatusServiceUnavailable, Kind: "unavailable", RetryURL: retry, RetryIn: seconds(storeRetry),
	}, cause)
}

// tooMany answers a limit.
func (f *Flow) tooMany(w http.ResponseWriter, r *http.Request, lang string, retryAfter time.Duration) {
	f.fail(w, r, lang, ui.Failure{
		Status: http.StatusTooManyRequests, Kind: "too_many", RetryIn: max(1, seconds(retryAfter)),
	}, nil)
}

// postedForm reads a small form and checks that it comes from our page in the browser with this secret. It answers
// itself when that is not so.
func (f *Flow) postedForm(w http.ResponseWriter, r *http.Request, lang string, s storage.Secret, purpose string) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			f.fail(w, r, lang, ui.Failure{Status: http.StatusRequestEntityTooLarge, Kind: "too_large"}, nil)
			return false
		}
		f.fail(w, r, lang, ui.Failure{Status: http.StatusBadRequest, Kind: "bad_request", Detail: "the form cannot be read"}, nil)
		return false
	}
	if err := f.Guard.CheckForm(r, s, purpose); err != nil {
		f.fail(w, r, lang, ui.Failure{Status: http.StatusForbidden, Kind: "foreign_form"}, err)
		return false
	}
	for _, values := range r.PostForm {
		if len(values) > 1 { // which of the two counts would be anybody's guess
			f.fail(w, r, lang, ui.Failure{Status: http.StatusBadRequest, Kind: "bad_request", Detail: "a form field was sent twice"}, nil)
			return false
		}
	}
	return true
}

// pressed reports whether the form's submit button of that name was used.
func pressed(r *http.Request, name string) bool { return r.PostForm.Has(name) }

// writeJSON answers with JSON that nothing may keep.
func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil { // a value of ours that is none in JSON
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the browser went away: nobody to tell
}

// seconds rounds up: a client that waits that long does not come too early.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
