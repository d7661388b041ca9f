package ui_test

import (
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/browser"
	"qiao/ui"
	"qiao/ui/samples"
)

var update = flag.Bool("update", false, "write the golden files")

// branded is the renderer of all tests: to parse every template takes longer than to draw a page.
var branded = sync.OnceValues(func() (*ui.Renderer, error) {
	return ui.New(ui.Config{Brand: ui.Brand{Name: "云图账号"}, Log: slog.New(slog.DiscardHandler)})
})

func renderer(t testing.TB) *ui.Renderer {
	t.Helper()
	r, err := branded()
	require.NoError(t, err)
	return r
}

func render(t testing.TB, r *ui.Renderer, p ui.Page) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r.Render(w, http.StatusOK, p)
	require.Equal(t, http.StatusOK, w.Code, "the page could not be drawn")
	return w
}

// each calls f with every sample in both languages.
func each(t *testing.T, f func(t *testing.T, lang string, s samples.Sample, body string)) {
	r := renderer(t)
	for _, lang := range []string{ui.Chinese, ui.English} {
		for _, s := range samples.All(lang) {
			t.Run(lang+"/"+s.Name, func(t *testing.T) { f(t, lang, s, render(t, r, s.Page).Body.String()) })
		}
	}
}

func TestGolden(t *testing.T) {
	hashes := regexp.MustCompile(`\.[0-9a-f]{12}\.(css|js|svg)"`)
	each(t, func(t *testing.T, lang string, s samples.Sample, body string) {
		got := hashes.ReplaceAllString(body, `.HASH.$1"`)
		path := filepath.Join("testdata", "golden", lang, s.Name+".html")
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err, "new page? run go test ./ui -update and read what it wrote")
		require.Equal(t, string(want), got)
	})
}

// Pages that are drawn at the same time do not share a word.
func TestPagesDrawnTogether(t *testing.T) {
	r := renderer(t)
	var all sync.WaitGroup
	for _, s := range samples.All(ui.English)[:16] {
		want := render(t, r, s.Page).Body.String()
		all.Go(func() {
			for range 20 {
				w := httptest.NewRecorder()
				r.Render(w, http.StatusOK, s.Page)
				if w.Body.String() != want {
					t.Errorf("%s differs", s.Name)
					return
				}
			}
		})
	}
	all.Wait()
}

// Whatever a page is given, what it draws has no inline script, style or handler and nothing from elsewhere: the policy
// would block it.
func TestNothingInlineAndNothingExternal(t *testing.T) {
	each(t, func(t *testing.T, _ string, _ samples.Sample, body string) {
		require.NotRegexp(t, `(?i)<style|\sstyle=|\son[a-z]+=|javascript:`, body)
		for _, m := range regexp.MustCompile(`<script([^>]*)>`).FindAllStringSubmatch(body, -1) {
			require.Regexp(t, `^ src="/static/`, m[1])
		}
		for _, m := range regexp.MustCompile(`\ssrc="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			require.Regexp(t, `^(/|data:image/png;base64,)`, m[1])
		}
		require.NotContains(t, body, "&lt;no value&gt;")
		require.NotContains(t, body, "autofocus")
	})
}

func TestEveryFormIsAPlainPostWithItsToken(t *testing.T) {
	forms := regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	each(t, func(t *testing.T, _ string, _ samples.Sample, body string) {
		for _, m := range forms.FindAllStringSubmatch(body, -1) {
			require.Contains(t, m[1], `method="post"`)
			require.Regexp(t, `action="/[^"]+"`, m[1])
			require.Equal(t, 1, strings.Count(m[2], `<input type="hidden" name="`+browser.FormTokenField+`" value="Zm9ybS10b2tlbg">`))
		}
	})
}

// What programs rely on when they fill in the pages.
func TestWhatProgramsReadAndPress(t *testing.T) {
	r := renderer(t)
	pages := map[string]string{}
	for _, s := range samples.All(ui.Chinese) {
		pages[s.Name] = render(t, r, s.Page).Body.String()
	}
	for name, body := range pages {
		if !strings.HasPrefix(name, "login-") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(body, ` data-state="`))
			continues := strings.Count(body, `action="/login/sample/continue"`)
			live := regexp.MustCompile(`data-state="(waiting|scanned|confirmed|done)"`).MatchString(body)
			require.Equal(t, map[bool]int{true: 1, false: 0}[live], continues, "forms that continue")
			if !live {
				require.Contains(t, body, `action="/login/sample/refresh"`, "a way out")
			}
		})
	}
	for name, parts := range map[string][]string{
		"login-waiting":     {`data-state="waiting"`, `data-qr="http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY"`, `<meta http-equiv="refresh" content="5">`},
		"login-scanned":     {`data-state="scanned"`, `data-number="47">47</p>`},
		"login-confirmed":   {`data-state="confirmed"`, ` data-auto>`},
		"login-done":        {`data-state="done"`},
		"login-declined":    {`data-state="declined"`},
		"login-expired":     {`data-state="expired"`},
		"login-error":       {`data-state="error"`, "7KQ2-M9XD"},
		"login-continue-as": {`<button class="button" type="submit" name="approve"`},
		"login-mobile":      {`src="/login/sample/picture.png"`, `data-qr="`},
		"confirm":           {`name="number" value="12"`, `name="number" value="47"`, `name="number" value="83"`, `name="decline"`},
		"confirm-plain":     {`name="approve"`, `name="decline"`},
		"device-confirm":    {`name="approve"`, `name="decline"`, `data-user-code="WDJB-MJHT"`, "138****1234"},
		"device-code":       {`name="user_code"`, `autocapitalize="characters"`, `action="/device"`},
		"device-code-known": {`value="WDJB-MJHT"`, `src="/device/picture/sample.svg"`},
		"number":            {`type="tel" id="phone" name="phone"`},
		"code":              {`name="code"`, `autocomplete="one-time-code"`, `inputmode="numeric"`, `action="/phone/sample/resend"`},
		"held":              {`name="move"`, `href="/phone/sample?change=1"`},
		"consent":           {`name="approve"`, `name="decline"`, "138****1234"},
		"logout":            {`name="approve"`, `name="decline"`},
		"end-done-here":     {`href="/login/sample"`},
	} {
		for _, part := range parts {
			require.Contains(t, pages[name], part, name)
		}
	}
	require.NotContains(t, pages["login-waiting"], "data-number")
	require.NotContains(t, pages["login-scanned"], "data-qr=")
	require.NotContains(t, pages["login-continue-as"], "data-auto", "the click must be the person's")
	require.NotContains(t, pages["login-wechat"], "data-qr=")
	require.NotContains(t, pages["confirm"], `name="approve"`, "a number is to be chosen")
	require.Contains(t, pages["confirm-far"], `class="note warn"`)
	require.NotContains(t, pages["confirm"], `class="note warn"`)
}

func TestAnUnknownStateOrKindIsStillAWholePage(t *testing.T) {
	r := renderer(t)
	body := render(t, r, ui.Login{State: "\"><script>", RefreshURL: "/login/x/refresh", FormToken: "t"}).Body.String()
	require.Contains(t, body, `action="/login/x/refresh"`)
	require.NotContains(t, body, "><script>\"")
	require.Contains(t, render(t, r, ui.Failure{Kind: "../../x"}).Body.String(), "出了点问题")
	require.Contains(t, render(t, r, ui.PhoneEnd{Kind: "?"}).Body.String(), "链接已失效")
	require.Contains(t, render(t, r, ui.PhoneNumber{Problem: "?"}).Body.String(), "手机号不正确")
	require.Contains(t, render(t, r, ui.PhoneCode{Problem: "?"}).Body.String(), "验证码不正确")
}

func TestThePlaceOfTheOtherDeviceIsInWords(t *testing.T) {
	each(t, func(t *testing.T, lang string, s samples.Sample, body string) {
		if s.Name != "confirm-far" {
			return
		}
		require.Contains(t, body, map[string]string{ui.Chinese: "3 分钟前", ui.English: "3 minutes ago"}[lang])
		require.Contains(t, body, "莫斯科")
		require.Contains(t, body, "Chrome · Windows")
		require.Contains(t, body, "work.yuntu.example")
	})
}

func TestStaticFiles(t *testing.T) {
	r := renderer(t)
	get := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r.Static().ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	body := render(t, r, ui.Login{State: "waiting"}).Body.String()
	paths := regexp.MustCompile(`"(/static/[^"]+)"`).FindAllStringSubmatch(body, -1)
	require.Len(t, paths, 3)
	for _, p := range paths {
		w := get(http.MethodGet, p[1])
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "public, max-age=31536000, immutable", w.Header().Get("Cache-Control"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Equal(t, w.Header().Get("Content-Length"), strconv.Itoa(w.Body.Len()))
		head := get(http.MethodHead, p[1])
		require.Equal(t, http.StatusOK, head.Code)
		require.Zero(t, head.Body.Len())
	}
	for _, path := range []string{"/static/", "/static/login.js", "/static/../renderer.go", "/static/style.000000000000.css"} {
		w := get(http.MethodGet, path)
		require.Equal(t, http.StatusNotFound, w.Code, path)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	}
	require.Equal(t, http.StatusMethodNotAllowed, get(http.MethodPost, paths[0][1]).Code)
}

func TestTheLoginScriptIsSmallAndES5(t *testing.T) {
	script, err := os.ReadFile("static/login.js")
	require.NoError(t, err)
	require.LessOrEqual(t, len(script), 4608)
	require.NotRegexp(t, "=>|`|\\b(let|const|class|async|await|fetch|Promise)\\b", string(script))
	require.NotRegexp(t, `innerHTML|eval\(|document\.write`, string(script))
}
