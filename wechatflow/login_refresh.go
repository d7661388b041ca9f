package wechatflow

import (
	"net/http"

	"qiao/storage"
	"qiao/ui"
)

// postRefresh serves POST /login/{id}/refresh: a new attempt in place of the current one, which ends with all of its
// scenes. Whoever carried the old picture away has nothing.
func (f *Flow) postRefresh(w http.ResponseWriter, r *http.Request) {
	v, ok := f.visit(w, r)
	if !ok || !f.postedForm(w, r, v.lang, v.secret, v.purpose()) {
		return
	}
	if v.attempt.State != storage.AttemptDone {
		if _, err := f.beginAttempt(r, v, v.attempt.ID); err != nil {
			f.unavailable(w, r, v.lang, err)
			return
		}
	}
	redirect(w, r, v.path())
}

// getPicture serves GET /login/{id}/picture.png: the code to save and to scan from the album, for a browser on the
// phone itself. It shows the picture that the page shows, and makes none.
func (f *Flow) getPicture(w http.ResponseWriter, r *http.Request) {
	v, ok := f.visit(w, r)
	if !ok {
		return
	}
	if v.attempt.State != storage.AttemptWaiting || !f.Now().Before(v.attempt.Scene.ShownUntil) {
		f.fail(w, r, v.lang, ui.Failure{Status: http.StatusNotFound, Kind: "request_expired", RetryURL: v.path()}, nil)
		return
	}
	png, err := ui.QRPNG(v.attempt.Scene.URL)
	if err != nil {
		f.unavailable(w, r, v.lang, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Content-Disposition", `inline; filename="wechat-login.png"`)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(png) // the browser went away: nobody to tell
}

// redirect answers 303 to a path of ours or to WeChat.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer") // the path may name a link that is nobody else's business
	http.Redirect(w, r, to, http.StatusSeeOther)
}
