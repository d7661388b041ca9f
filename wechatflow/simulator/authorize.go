package simulator

import (
	"net/http"
	"net/url"
	"strings"
)

// cookieName names the person in WeChat's built-in browser.
const cookieName = "wechat_simulator_person"

// browser opens an address in the built-in browser of a person: from then on this browser is that person's.
func (s *Simulator) browser(w http.ResponseWriter, r *http.Request) {
	target := r.URL.Query().Get("url")
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		writeJSON(w, http.StatusBadRequest, errorBody{"url is an http or https address"})
		return
	}
	s.mu.Lock()
	p, err := s.personOf(r)
	s.mu.Unlock()
	if err != nil {
		writeJSON(w, http.StatusNotFound, errorBody{err.Error()})
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: p.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, target, http.StatusFound)
}

// authorize is web authorization. snsapi_base goes back at once, snsapi_userinfo asks first.
func (s *Simulator) authorize(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.called["/connect/oauth2/authorize"]++
	asked, problem := s.authorization(r)
	if problem != "" {
		s.mu.Unlock()
		s.authorizePage(w, http.StatusForbidden, authorizeView{Problem: problem}, "")
		return
	}
	if asked.scope == scopeBase {
		target, err := s.grantCode(asked)
		s.mu.Unlock()
		s.leave(w, r, target, err)
		return
	}
	asked.ends = s.now().Add(oauthCodeLife)
	formToken, err := s.oauth.keep(s.oauth.consents, asked, 32, s.now())
	s.mu.Unlock()
	if err != nil {
		s.authorizePage(w, http.StatusServiceUnavailable, authorizeView{Problem: "系统繁忙"}, "")
		return
	}
	s.authorizePage(w, http.StatusOK, authorizeView{
		FormToken: formToken, Account: asked.relation.account.DisplayName, Person: asked.relation.person.name,
	}, asked.redirect)
}

// authorization checks a request for web authorization, or says what is wrong with it as the platform's page does.
func (s *Simulator) authorization(r *http.Request) (authorization, string) {
	q := r.URL.Query()
	a := s.accountByAppID(q.Get("appid"))
	if a == nil {
		return authorization{}, "AppID 参数错误"
	}
	redirect, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || redirect.Host == "" || (redirect.Scheme != "http" && redirect.Scheme != "https") {
		return authorization{}, "redirect_uri 参数错误"
	}
	if a.WebDomain != "" && a.WebDomain != redirect.Host && a.WebDomain != redirect.Hostname() {
		return authorization{}, "redirect_uri 域名与后台配置不一致，错误码:10003"
	}
	scope, state := q.Get("scope"), q.Get("state")
	switch {
	case q.Get("response_type") != "code":
		return authorization{}, "response_type 参数错误"
	case scope != scopeBase && scope != scopeUserInfo:
		return authorization{}, "Scope 参数错误或没有 Scope 权限"
	case len(state) > 128 || strings.Trim(state, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "":
		return authorization{}, "state 参数错误"
	}
	cookie, err := r.Cookie(cookieName)
	if err != nil || s.cookies[cookie.Value] == nil {
		return authorization{}, "请在微信客户端打开链接"
	}
	rel := s.cookies[cookie.Value].relations[a.Name]
	asked := authorization{relation: rel, scope: scope, openID: rel.openID, redirect: redirect.String(), state: state}
	if rel.person.snapshot {
		asked.openID = "o" + random(27) // a virtual user: it belongs to nobody
	}
	return asked, ""
}

// grantCode makes a code and the address that carries it back. The caller holds the mutex.
func (s *Simulator) grantCode(a authorization) (string, error) {
	a.ends = s.now().Add(oauthCodeLife)
	code, err := s.oauth.keep(s.oauth.codes, a, 32, s.now())
	if err != nil {
		return "", err
	}
	return back(a, code), nil
}

// back is the redirect URI with state, and with the code unless the person declined.
func back(a authorization, code string) string {
	u, err := url.Parse(a.redirect)
	if err != nil {
		return a.redirect // it was parsed before
	}
	q := u.Query()
	if code != "" {
		q.Set("code", code)
	}
	q.Set("state", a.state)
	u.RawQuery = q.Encode()
	return u.String()
}

// consent is the answer to the consent page. The form token is single-use and known to that page only.
func (s *Simulator) consent(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	token := r.PostFormValue("form_token")
	cookie, err := r.Cookie(cookieName)
	s.mu.Lock()
	asked := s.oauth.consents[token]
	if asked == nil || err != nil || s.cookies[cookie.Value] != asked.relation.person || !s.now().Before(asked.ends) {
		s.mu.Unlock()
		s.authorizePage(w, http.StatusForbidden, authorizeView{Problem: "页面已过期，请重新打开"}, "")
		return
	}
	delete(s.oauth.consents, token)
	target := back(*asked, "")
	if r.PostFormValue("answer") == "allow" {
		target, err = s.grantCode(*asked)
	}
	s.mu.Unlock()
	s.leave(w, r, target, err)
}

func (s *Simulator) leave(w http.ResponseWriter, r *http.Request, target string, err error) {
	if err != nil {
		s.authorizePage(w, http.StatusServiceUnavailable, authorizeView{Problem: "系统繁忙"}, "")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, target, http.StatusFound)
}
