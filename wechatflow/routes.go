package wechatflow

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Waiting serves the long-polls of login pages, and hands everything else on. It stands before the router and whatever
// wraps that: what they keep of a request, they would keep of each of ten thousand that wait.
func (f *Flow) Waiting(next http.Handler) http.Handler { return &waiting{f, next} }

type waiting struct {
	flow *Flow
	next http.Handler
}

// ServeHTTP implements http.Handler.
func (h *waiting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, stateSuffix) && strings.HasPrefix(r.URL.Path, loginPrefix) {
		h.flow.getLoginState(w, r)
		return
	}
	h.next.ServeHTTP(w, r)
}

const (
	loginPrefix = "/login/"
	stateSuffix = "/state"
)

// Routes declares everything that the flow serves.
func (f *Flow) Routes(r chi.Router) {
	// The computer: all of these need the browser secret that began the authorization request.
	r.Get("/login/{id}", f.getLogin)
	r.Get(loginPrefix+"{id}"+stateSuffix, f.getLoginState)
	r.Get("/login/{id}/picture.png", f.getPicture)
	r.Post("/login/{id}/refresh", f.postRefresh)
	r.Post("/login/{id}/continue", f.postContinue)

	// The ways to the phone's page: the link in the chat, the QR code of our own page, and back from WeChat.
	r.Get("/phone/{link}", f.getPhoneLink)
	r.Get("/scan/{account}/{secret}", f.getScan)
	r.Get("/phone/return", f.getReturn)
	r.Get("/phone/notice/{notice}", f.getNotice) // the link of a notice, and its page once the openid is proven
	r.Post("/phone/notice/{notice}", f.postNotice)

	// The change of a phone number, by whoever is signed in. The account page of the provider leads here.
	r.Get(changePath, f.getChange)
	r.Post(changePath, f.postChange)
	r.Post(changePath+"/old", f.postChangeOld)
	r.Post(changePath+"/number", f.postChangeNumber)
	r.Post(changePath+"/new", f.postChangeNew)
	r.Post(changePath+"/resend", f.postChangeResend)
	r.Post(changePath+"/move", f.postChangeMove)

	// A device that shows our code, and the page that its plain address leads to inside WeChat.
	r.Get("/device/picture/{picture}", f.getDevicePicture)
	r.Get("/device/wechat", f.getDeviceWeChat)

	// The phone: all of these need the phone secret that web authorization led to.
	r.Get("/phone/{attempt}/follow", f.getFollow)
	r.Post("/phone/{attempt}/follow", f.postFollow)
	r.Get("/phone/{attempt}/confirm", f.getConfirm)
	r.Post("/phone/{attempt}/confirm", f.postConfirm)
	r.Get("/phone/{attempt}/number", f.getNumber)
	r.Post("/phone/{attempt}/number", f.postNumber)
	r.Get("/phone/{attempt}/code", f.getCode)
	r.Post("/phone/{attempt}/code", f.postCode)
	r.Post("/phone/{attempt}/resend", f.postResend)
	r.Get("/phone/{attempt}/move", f.getMove)
	r.Post("/phone/{attempt}/move", f.postMove)

	// The platform.
	r.Get("/wechat/{account}", f.getCallback)
	r.Post("/wechat/{account}", f.postCallback)
}
