package simulator

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// Handler serves the platform API, the control API and the phone page.
func (s *Simulator) Handler() http.Handler {
	mux := http.NewServeMux()
	control := func(pattern string, h func(*http.Request) (any, error)) {
		mux.Handle(pattern, s.control(h))
	}
	control("POST /sim/people", s.createPerson)
	control("GET /sim/people", s.listPeople)
	control("POST /sim/people/{id}/scan", s.scan)
	control("POST /sim/people/{id}/follow", s.follow)
	control("POST /sim/people/{id}/unfollow", s.unfollow)
	control("POST /sim/people/{id}/text", s.sendText)
	control("POST /sim/people/{id}/menu", s.tapMenu)
	control("GET /sim/people/{id}/messages", s.messages)
	mux.HandleFunc("GET /sim/people/{id}/browser", s.browser)
	control("POST /sim/sms", s.receiveSMS)
	control("GET /sim/sms", s.listSMS)
	control("POST /sim/push", s.rawPush)
	control("POST /sim/verify", s.verifyCallback)
	control("GET /sim/codes", s.showCode)
	control("POST /sim/faults", s.addFault)
	control("DELETE /sim/faults", s.clearFaults)
	control("POST /sim/quota", s.setQuota)
	control("GET /sim/calls", s.listCalls)
	control("POST /sim/clock", s.moveClock)
	control("GET /sim/phone", s.phone)

	for _, c := range s.platformCalls() {
		mux.Handle(c.path, s.platform(c))
	}
	mux.HandleFunc("/cgi-bin/", s.unknownCall)
	mux.HandleFunc("/sns/", s.unknownCall)
	mux.HandleFunc("GET /cgi-bin/showqrcode", s.showQRCode)
	mux.HandleFunc("GET /connect/oauth2/authorize", s.authorize)
	mux.HandleFunc("POST /connect/oauth2/consent", s.consent)
	s.pageRoutes(mux)
	return guard(mux)
}

// refusal is an error of the control API with its HTTP status.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

func malformed(text string) error { return refusal{http.StatusBadRequest, text} }
func unknown(what string) error   { return refusal{http.StatusNotFound, "unknown " + what} }

// created is a result that is answered with 201.
type created struct{ any }

// control answers with what the handler returns, as JSON. It lets no post through that is not JSON: a form of a foreign
// page can send other types without asking.
func (s *Simulator) control(h func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if r.Method == http.MethodPost && !jsonOrNothing(r) {
			writeJSON(w, http.StatusUnsupportedMediaType, errorBody{"the Content-Type must be application/json"})
			return
		}
		result, err := h(r)
		var refused refusal
		switch made, isNew := result.(created); {
		case errors.As(err, &refused):
			writeJSON(w, refused.status, errorBody{refused.text})
		case err != nil:
			s.log.ErrorContext(r.Context(), "simulator control call failed", "path", r.Pattern, "error", err)
			writeJSON(w, http.StatusInternalServerError, errorBody{"internal error"})
		case isNew:
			writeJSON(w, http.StatusCreated, made.any)
		default:
			writeJSON(w, http.StatusOK, result)
		}
	})
}

type errorBody struct {
	Error string `json:"error"`
}

// jsonOrNothing accepts a post without a body and without a type, because some calls say all in their path.
func jsonOrNothing(r *http.Request) bool {
	contentType := r.Header.Get("Content-Type")
	if contentType == "" {
		return r.ContentLength == 0
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// readJSON reads the body into v. An empty body leaves v as it is. Unknown members are ignored.
func readJSON(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return refusal{http.StatusRequestEntityTooLarge, "the body is larger than 64 KiB"}
	}
	if err != nil {
		return malformed("the body could not be read")
	}
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, v); err != nil {
		return malformed("the body is not the JSON that this call takes")
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // the other side is gone: there is nobody to tell
}
