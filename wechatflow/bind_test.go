package wechatflow_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow"
)

// atNumber brings a person to the page that asks for the phone number.
func (p *person) atNumber() (login, number *page) {
	p.w.t.Helper()
	login = p.w.browser().login()
	number = p.choose(p.scanAndFollow(login), login)
	require.True(p.w.t, strings.HasSuffix(number.path(), "/number"), number.body)
	return login, number
}

func TestPhoneNumbersAsPeopleTypeThem(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	_, number := alice.atNumber()
	for typed, want := range map[string]int{
		"": 422, "abc": 422, "1380000123": 422, "138000012345": 422, "+8610012345678": 422, "010-12345678": 422,
		"12345678901": 422, "+1 650 253 0000": 422, "+852 5123 4567": 422, "+447911123456": 422, "110": 422,
		"13800001234;ext=5": 422, strings.Repeat("1", 1000): 422, "\x00\xff": 422, "<script>": 422,
	} {
		got := number.submit("/number", "phone", typed)
		require.Equal(t, want, got.status, "%q", typed)
		require.Contains(t, got.body, `type="tel"`, "%q", typed)
		require.NotContains(t, got.body, "<script>alert")
	}
	require.Empty(t, w.pocket.all())
	require.Contains(t, number.submit("/number", "phone", "+1 650 253 0000").body, "country or region")
	for i, typed := range []string{"13800001234", "+86 138-0000-1234", "１３８００００１２３４", "0086 13800001234"} {
		w.clock.advance(time.Minute)
		require.Equal(t, http.StatusOK, number.submit("/number", "phone", typed).status, typed)
		require.Equal(t, alicePhone, w.pocket.all()[i].To)
	}
}

func TestOtherCountriesWhereAllowed(t *testing.T) {
	w := newWorld(t, options{limits: wechatflow.Limits{Countries: []string{"CN", "HK"}}})
	_, number := w.person().atNumber()
	require.Equal(t, http.StatusOK, number.submit("/number", "phone", "+852 5123 4567").status)
	require.Equal(t, "+85251234567", w.pocket.all()[0].To)
}

func TestCodesAreTriedFiveTimes(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	_, number := alice.atNumber()
	code := number.submit("/number", "phone", alicePhone)
	right := w.pocket.lastCode(t)
	wrong := "000000"
	if right == wrong {
		wrong = "000001"
	}
	for _, malformed := range []string{"", "12345", "1234567", "abcdef", strings.Repeat("1", 500)} {
		require.Equal(t, http.StatusUnprocessableEntity, code.submit("/code", "code", malformed).status)
	}
	for left := 4; left >= 1; left-- {
		p := code.submit("/code", "code", wrong)
		require.Equal(t, http.StatusUnprocessableEntity, p.status)
		require.Regexp(t, fmt.Sprintf(`\b%d\b`, left), p.body)
	}
	code.submit("/code", "code", wrong)
	p := code.submit("/code", "code", right)
	require.NotEqual(t, "done", p.attr("data-end"), "the tries are used up, also for the right one")
	require.Equal(t, http.StatusGone, p.status)

	w.clock.advance(61 * time.Second)
	again := p.submit("/resend")
	require.Equal(t, http.StatusOK, again.status)
	end := again.submit("/code", "code", w.pocket.lastCode(t))
	require.Equal(t, "done", end.attr("data-end"))
}

// Every try is counted before it is compared, also when they come all at once.
func TestCodeTriesInParallel(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	_, number := alice.atNumber()
	code := number.submit("/number", "phone", alicePhone)
	right := w.pocket.lastCode(t)
	action, token := code.form("/code")
	var together sync.WaitGroup
	for i := range 30 {
		together.Go(func() {
			guess := fmt.Sprintf("%06d", i)
			if guess == right {
				guess = "999999"
			}
			alice.phone.do("POST", action, fields(token, "code", guess))
		})
	}
	together.Wait()
	require.Equal(t, http.StatusGone, code.submit("/code", "code", right).status)
	require.Equal(t, 5.0, w.counter("qiao_login_binds_total", "outcome=wrong_code"))
}

func TestCodesExpireAndAreReplaced(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	_, number := alice.atNumber()
	code := number.submit("/number", "phone", alicePhone)
	first := w.pocket.lastCode(t)
	early := code.submit("/resend")
	require.Equal(t, http.StatusTooManyRequests, early.status)
	require.Len(t, w.pocket.all(), 1)
	w.clock.advance(61 * time.Second)
	second := early.submit("/resend")
	require.Equal(t, http.StatusOK, second.status)
	if again := w.pocket.lastCode(t); again != first {
		require.Equal(t, http.StatusUnprocessableEntity, second.submit("/code", "code", first).status, "the first code is dead")
	}
	w.clock.advance(5*time.Minute + time.Second)
	expired := second.submit("/code", "code", w.pocket.lastCode(t))
	require.Equal(t, http.StatusGone, expired.status)
	require.Contains(t, expired.body, "expired")
}

// A code is for one number: it is not a proof of another one that the page is made to name.
func TestACodeBelongsToItsNumber(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	login, number := alice.atNumber()
	first := number.submit("/number", "phone", "13900009999") // somebody else's, never read
	second := number.submit("/number", "phone", alicePhone)
	code := w.pocket.lastCode(t)
	require.NotEqual(t, "done", first.submit("/code", "code", code).attr("data-end"))
	require.Equal(t, "done", second.submit("/code", "code", code).attr("data-end"))
	confirmed := login.c.get(login.path())
	require.Contains(t, confirmed.body, "138****1234")
	for _, to := range []string{"", "?to=x", "?to=" + strings.Repeat("A", 300)} {
		bob := w.person()
		_, number := bob.atNumber()
		p := bob.phone.get(strings.TrimSuffix(number.path(), "number") + "code" + to)
		require.True(t, strings.HasSuffix(p.path(), "/number"), "without a sent code the number is asked")
		// Another attempt's sealed number is not this one's.
		p = bob.phone.get(strings.TrimSuffix(number.path(), "number") + "code?" + second.url.RawQuery)
		require.True(t, strings.HasSuffix(p.path(), "/number"))
	}
}

func TestBindingNeedsTheApproval(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	login := w.browser().login()
	confirm := alice.scanAndFollow(login)
	_, token := confirm.form("/confirm")
	base := strings.TrimSuffix(confirm.path(), "confirm")
	for _, page := range []string{"number", "code", "resend", "move"} {
		p := alice.phone.do("POST", base+page, fields(token, "phone", alicePhone, "code", "123456", "move", "yes"))
		require.Equal(t, confirm.path(), p.path(), page)
		require.Len(t, p.choices(), 3)
	}
	require.Empty(t, w.pocket.all())
}

func TestAHeldNumberIsMovedOnlyWithItsCode(t *testing.T) {
	w := newWorld(t, options{})
	alice, bob := w.person(), w.person()
	aliceSession := alice.signIn(w.browser(), alicePhone)
	w.clock.advance(2 * time.Minute)
	alice.gesture("text", map[string]any{"content": "hi"}) // the platform lets us write to her for two days
	alice.chat()

	login, number := bob.atNumber()
	_, token := number.form("/number")
	code := number.submit("/number", "phone", alicePhone)
	// Before the right code nobody learns that the number is held, and nothing is moved.
	require.NotContains(t, code.body, `name="move"`)
	early := bob.phone.do("POST", strings.Replace(code.url.RequestURI(), "/code?", "/move?", 1), fields(token, "move", "yes"))
	require.NotEqual(t, "done", early.attr("data-end"))

	held := code.submit("/code", "code", w.pocket.lastCode(t))
	require.True(t, strings.HasSuffix(held.path(), "/move"))
	require.Contains(t, held.body, `name="move"`)
	s, _ := login.c.state(login, 0, 0)
	require.Equal(t, "scanned", s.State)
	end := held.submit("/move", "move", "yes")
	require.Equal(t, "done", end.attr("data-end"))
	bobSession, _ := login.c.continueLogin(login)
	require.NotEqual(t, aliceSession.User, bobSession.User, "the new holder inherits nothing")
	w.eventually("the earlier holder is told", func() bool {
		return strings.Contains(strings.Join(alice.chat(), ""), "138****1234")
	})

	// Back at once is refused: one move of a number a day.
	w.clock.advance(2 * time.Minute)
	_, number = alice.atNumber()
	held = number.submit("/number", "phone", alicePhone).submit("/code", "code", w.pocket.lastCode(t))
	refused := held.submit("/move", "move", "yes")
	require.Equal(t, http.StatusTooManyRequests, refused.status)
	require.NotContains(t, refused.body, `name="move"`)
}

// The platform lets nobody write to somebody who was silent for two days: the loss is told when they come back, even weeks
// later.
func TestALostNumberIsToldLater(t *testing.T) {
	w := newWorld(t, options{mode: "plain"}) // the pushes' answers can be read
	alice, bob := w.person(), w.person()
	alice.signIn(w.browser(), alicePhone)
	alice.notice()
	w.clock.advance(3 * 24 * time.Hour)
	_, number := bob.atNumber()
	bob.chat()
	held := number.submit("/number", "phone", alicePhone).submit("/code", "code", w.pocket.lastCode(t))
	require.Equal(t, "done", held.submit("/move", "move", "yes").attr("data-end"))
	w.given("the platform refuses the message", 1)
	require.Empty(t, alice.chat())
	require.Empty(t, bob.chat(), "the new holder is told nothing")

	w.clock.advance(30 * 24 * time.Hour)
	now := w.clock.Now().Unix()
	push := text(alice.openID, now, "88001", "你好")
	first := w.push(push, 1)
	require.Contains(t, first.Body, "138****1234")
	require.NotContains(t, first.Body, "/phone/notice/", "there is nothing to take back")
	require.Contains(t, w.push(push, 1).Answers[0].Body, "138****1234", "a redelivery says the same")
	require.NotContains(t, w.push(text(alice.openID, now, "88002", "还在吗"), 1).Body, "138****1234", "once")
	require.NotContains(t, w.logs.String(), "138****1234")
}

func TestATakenUsernameIsDrawnAgain(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	_, number := alice.atNumber()
	code := number.submit("/number", "phone", alicePhone)
	w.store.nameTaken.Store(3)
	require.Equal(t, "done", code.submit("/code", "code", w.pocket.lastCode(t)).attr("data-end"))
}

// 10 MB at every form of the phone's, by the phone itself and by anybody.
func TestOversizedForms(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	_, number := alice.atNumber()
	_, token := number.form("/number")
	base := strings.TrimSuffix(number.path(), "number")
	big := fields(token, "phone", strings.Repeat("1", 10<<20))
	for _, page := range []string{"confirm", "number", "code", "resend", "move", "follow"} {
		require.Equal(t, http.StatusRequestEntityTooLarge, alice.phone.do("POST", base+page, big).status, page)
		require.Equal(t, http.StatusNotFound, w.browser().do("POST", base+page, fields(token)).status, page)
		require.Equal(t, http.StatusForbidden, alice.phone.do("POST", base+page, fields("forged")).status, page)
	}
	require.Empty(t, w.pocket.all())
	require.Equal(t, http.StatusOK, number.submit("/number", "phone", alicePhone).status)
}

// Two people bind the same number at the same time: one of them has it, the other is asked.
func TestTwoBindOneNumber(t *testing.T) {
	w := newWorld(t, options{})
	people := []*person{w.person(), w.person()}
	var codes []*page
	var texts []string
	for _, p := range people {
		_, number := p.atNumber()
		codes = append(codes, number.submit("/number", "phone", alicePhone))
		texts = append(texts, w.pocket.lastCode(t))
	}
	ends := make([]*page, 2)
	var together sync.WaitGroup
	for i := range people {
		together.Go(func() { ends[i] = codes[i].submit("/code", "code", texts[i]) })
	}
	together.Wait()
	done, held := 0, 0
	for _, e := range ends {
		if e.attr("data-end") == "done" {
			done++
		}
		if strings.Contains(e.body, `name="move"`) {
			held++
		}
	}
	require.Equal(t, 1, done)
	require.Equal(t, 1, held)
}
