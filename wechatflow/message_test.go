package wechatflow_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow"
)

func TestMessageLimits(t *testing.T) {
	none := wechatflow.Rate{Max: -1}
	all := wechatflow.Limits{MessagesPerPhoneMinute: none, MessagesPerPhone: none, MessagesPerOpenID: none, MessagesPerAddress: none, MessagesPerNetwork: none, MessagesPerDay: none}
	two := wechatflow.Rate{Max: 2, Window: time.Hour}
	for name, change := range map[string]func(*wechatflow.Limits){
		"phone minute": func(l *wechatflow.Limits) { l.MessagesPerPhoneMinute = two },
		"phone":        func(l *wechatflow.Limits) { l.MessagesPerPhone = two },
		"openid":       func(l *wechatflow.Limits) { l.MessagesPerOpenID = two },
		"address":      func(l *wechatflow.Limits) { l.MessagesPerAddress = two },
		"network":      func(l *wechatflow.Limits) { l.MessagesPerNetwork = two },
		"day":          func(l *wechatflow.Limits) { l.MessagesPerDay = two },
	} {
		t.Run(name, func(t *testing.T) {
			limits := all
			change(&limits)
			w := newWorld(t, options{limits: limits})
			alice := w.person()
			_, number := alice.atNumber()
			for i := range 2 {
				require.Equal(t, http.StatusOK, number.submit("/number", "phone", alicePhone).status, i)
			}
			refused := number.submit("/number", "phone", alicePhone)
			require.Equal(t, http.StatusTooManyRequests, refused.status)
			require.Contains(t, refused.body, `type="tel"`)
			require.Len(t, w.pocket.all(), 2, "what is not counted is not sent")
			switch name { // whose limit it is
			case "phone", "phone minute":
				require.Equal(t, http.StatusOK, number.submit("/number", "phone", "13900005678").status)
			case "openid":
				require.Equal(t, http.StatusTooManyRequests, number.submit("/number", "phone", "13900005678").status)
				_, other := w.person().atNumber()
				require.Equal(t, http.StatusOK, other.submit("/number", "phone", alicePhone).status)
			default:
				_, other := w.person().atNumber()
				require.Equal(t, http.StatusTooManyRequests, other.submit("/number", "phone", "13900005678").status)
			}
			w.clock.advance(61 * time.Minute)
			_, later := w.person().atNumber()
			require.Equal(t, http.StatusOK, later.submit("/number", "phone", alicePhone).status)
		})
	}
}

func TestAFailingSenderIsCountedAndTriedAgain(t *testing.T) {
	w := newWorld(t, options{})
	alice := w.person()
	_, number := alice.atNumber()
	w.pocket.failing(errors.New("sender is down"))
	failed := number.submit("/number", "phone", alicePhone)
	require.Equal(t, http.StatusBadGateway, failed.status)
	require.Contains(t, failed.body, "could not be sent")
	require.NotContains(t, w.logs.String(), "13800001234")
	w.pocket.failing(nil)
	code := failed.submit("/number", "phone", alicePhone)
	require.Equal(t, http.StatusOK, code.status)
	third := number.submit("/number", "phone", alicePhone)
	require.Equal(t, http.StatusTooManyRequests, third.status, "the failed one was counted too")
	require.Equal(t, "done", code.submit("/code", "code", w.pocket.lastCode(t)).attr("data-end"))
}
