package grants

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"qiao/op/clients"
)

const (
	maxBody  = 64 << 10
	formType = "application/x-www-form-urlencoded"
)

// guard stands before the library's routes that take a form. It hands on the known parameters alone, each once and in
// printable ASCII: the library's decoder builds structures from names such as scope.999999999, and its answers repeat
// what was sent.
func (s *Server) guard(next http.Handler, check func(form url.Values, cred clients.Credentials) error, params ...string) http.Handler {
	params = append(params, "client_id", "client_secret", "client_assertion", "client_assertion_type")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &challenger{ResponseWriter: w, realm: s.cfg.Issuer, basic: len(r.Header["Authorization"]) > 0}
		form, err := readForm(w, r, params)
		if err != nil {
			failureOf(err).write(out)
			return
		}
		// The library answers missing or malformed client authentication with 400, where RFC 6749 §5.2 has 401.
		cred, err := clients.ReadCredentials(r.Header, form)
		if err == nil {
			err = check(form, cred)
		}
		if err != nil {
			failureOf(err).write(out)
			return
		}
		r.Form, r.PostForm = form, form
		next.ServeHTTP(out, r)
	})
}

// readForm reads the known parameters of the body. One that is empty counts as left out (RFC 6749 §3.2).
func readForm(w http.ResponseWriter, r *http.Request, params []string) (url.Values, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST, OPTIONS")
		return nil, failure{http.StatusMethodNotAllowed, invalidRequest, "use POST"}
	}
	if t := r.Header.Get("Content-Type"); t != formType {
		if media, _, err := mime.ParseMediaType(t); err != nil || media != formType {
			return nil, refuse(invalidRequest, "the body must be "+formType)
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, failure{http.StatusRequestEntityTooLarge, invalidRequest, "the body is longer than 64 KiB"}
		}
		return nil, refuse(invalidRequest, "the parameters are not well-formed")
	}
	if r.URL.RawQuery != "" {
		// A secret, code or token in the query is in logs and histories by now: nothing may work that way.
		for name := range r.URL.Query() {
			if slices.Contains(params, name) || name == "access_token" {
				return nil, refuse(invalidRequest, "parameters belong in the body")
			}
		}
	}
	form := make(url.Values, 8)
	for name, values := range r.PostForm {
		if len(values) > 1 {
			return nil, refuse(invalidRequest, "a parameter is there more than once")
		}
		if values[0] == "" || !slices.Contains(params, name) {
			continue
		}
		if name != paramDeviceName && !printable(values[0]) {
			return nil, refuse(invalidRequest, "a parameter holds characters other than printable ASCII")
		}
		form[name] = values
	}
	return form, nil
}

// printable reports whether s is VSCHAR only, as RFC 6749 appendix A has for all parameters here. The name of a device is
// none of its parameters, and may be 客厅电视: it is cleaned instead.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// challenger adds the challenge that goes with 401, wherever the status is decided.
type challenger struct {
	http.ResponseWriter
	realm string
	basic bool // the client authenticated by the Authorization header
}

func (c *challenger) WriteHeader(status int) {
	if status == http.StatusUnauthorized && c.basic {
		c.Header().Set("WWW-Authenticate", `Basic realm="`+c.realm+`", charset="UTF-8"`)
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *challenger) waiting() {
	if w, ok := c.ResponseWriter.(waiter); ok {
		w.waiting()
	}
}

// Unwrap is for http.ResponseController.
func (c *challenger) Unwrap() http.ResponseWriter { return c.ResponseWriter }
