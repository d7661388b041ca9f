package wechat_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage/memory"
	"qiao/wechatflow/wechat"
)

// fresh is the same platform seen with empty Signals.
func (f *fixture) fresh(t testing.TB) *fixture {
	t.Helper()
	again := *f
	signals := memory.New()
	t.Cleanup(func() { _ = signals.Close() })
	again.signals = signals
	return &again
}

func createQR(c *wechat.Client) error {
	_, err := c.CreateQR(context.Background(), "scene", time.Minute)
	return err
}

func TestOneFetchForAllWhoAreCold(t *testing.T) {
	f := newFixture(t)
	f.on("cgi-bin/stable_token", func(w http.ResponseWriter, _ *http.Request, _ int) {
		time.Sleep(50 * time.Millisecond) // the platform is slow, so that all 100 meet
		_, _ = fmt.Fprintf(w, `{"access_token":"%s_0","expires_in":7200}`, plantedToken)
	})
	replicas := []*wechat.Client{f.client(t), f.client(t)}
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			if err := createQR(replicas[i%2]); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, f.count("cgi-bin/stable_token"))
	require.Equal(t, 100, f.count("cgi-bin/qrcode/create"))
	require.Contains(t, f.last("cgi-bin/stable_token"), `"grant_type":"client_credential"`)
	require.Contains(t, f.last("cgi-bin/stable_token"), `"force_refresh":false`)
}

func TestRenewedAsideBeforeItEnds(t *testing.T) {
	f := newFixture(t)
	c := f.client(t)
	require.NoError(t, createQR(c))
	f.clock.advance(115 * time.Minute)
	require.NoError(t, createQR(c))
	require.Equal(t, 1, f.count("cgi-bin/stable_token"), "not while it has long to live")

	block := make(chan struct{})
	f.on("cgi-bin/stable_token", func(w http.ResponseWriter, _ *http.Request, _ int) {
		<-block
		_, _ = fmt.Fprintf(w, `{"access_token":"%s_1","expires_in":7200}`, plantedToken)
	})
	f.clock.advance(90 * time.Second) // less than four minutes to live
	require.NoError(t, createQR(c), "the old token serves while the new one is fetched")
	close(block)
	require.Eventually(t, func() bool {
		f.setLive(plantedToken + "_1")
		return createQR(c) == nil && strings.Contains(f.last("cgi-bin/qrcode/create"), plantedToken+"_1")
	}, 5*time.Second, 10*time.Millisecond)
	require.Equal(t, 2, f.count("cgi-bin/stable_token"))
}

func TestFailedRenewalKeepsTheOldToken(t *testing.T) {
	f := newFixture(t)
	c := f.client(t)
	require.NoError(t, createQR(c))
	f.on("cgi-bin/stable_token", func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(500) })
	f.clock.advance(117 * time.Minute)
	require.NoError(t, createQR(c))
	require.Eventually(t, func() bool { return strings.Contains(f.logs.String(), "renewal of the WeChat access token failed") },
		5*time.Second, 10*time.Millisecond)
	require.NoError(t, createQR(c))
	require.Equal(t, 2, f.count("cgi-bin/stable_token"), "the next try waits a little")
	f.clock.advance(4 * time.Minute)
	require.ErrorIs(t, createQR(c), wechat.ErrUnavailable, "an old token is not used beyond its life")
}

func TestRefusedToken(t *testing.T) {
	for _, code := range []int{40001, 40014, 42001} {
		f := newFixture(t)
		c, other := f.client(t), f.client(t)
		require.NoError(t, createQR(c))
		require.NoError(t, createQR(other))
		// Another system forced a new one: a plain fetch gives it, and nothing needs to be forced.
		f.setLive(plantedToken + "_changed")
		f.on("cgi-bin/qrcode/create", func(w http.ResponseWriter, r *http.Request, _ int) {
			if r.URL.Query().Get("access_token") != plantedToken+"_changed" {
				_, _ = fmt.Fprintf(w, `{"errcode":%d,"errmsg":"no"}`, code)
				return
			}
			_, _ = io.WriteString(w, `{"ticket":"t","expire_seconds":600,"url":"u"}`)
		})
		require.NoError(t, createQR(c))
		require.Equal(t, 2, f.count("cgi-bin/stable_token"))
		require.NoError(t, createQR(other), "the other replica takes the new one over")
		require.Equal(t, 2, f.count("cgi-bin/stable_token"))
		require.Zero(t, f.forced)
	}
}

func TestRefusedCurrentTokenIsForcedOnce(t *testing.T) {
	f := newFixture(t)
	c, other := f.client(t), f.client(t)
	require.NoError(t, createQR(c))
	require.NoError(t, createQR(other))
	f.on("cgi-bin/qrcode/create", func(w http.ResponseWriter, r *http.Request, _ int) {
		if !strings.Contains(r.URL.Query().Get("access_token"), "forced") {
			_, _ = io.WriteString(w, `{"errcode":40001,"errmsg":"no"}`)
			return
		}
		_, _ = io.WriteString(w, `{"ticket":"t","expire_seconds":600,"url":"u"}`)
	})
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if err := createQR([]*wechat.Client{c, other}[i%2]); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Equal(t, 1, f.forced)
}

func TestRefusedForGood(t *testing.T) {
	f := newFixture(t)
	replicas := []*wechat.Client{f.client(t), f.client(t)}
	f.onJSON("cgi-bin/qrcode/create", `{"errcode":40001,"errmsg":"no"}`)
	for i := range 6 {
		before := f.count("cgi-bin/qrcode/create")
		var api *wechat.APIError
		require.ErrorAs(t, createQR(replicas[i%2]), &api)
		require.Equal(t, 40001, api.Code)
		require.LessOrEqual(t, f.count("cgi-bin/qrcode/create")-before, 2, "one retry at most")
	}
	require.Equal(t, 1, f.forced, "within 30 s nothing is forced again, by no replica")
}

func TestWaitersLeaveInTime(t *testing.T) {
	f := newFixture(t)
	c := f.client(t)
	block := make(chan struct{})
	f.on("cgi-bin/stable_token", func(w http.ResponseWriter, _ *http.Request, _ int) {
		<-block
		_, _ = fmt.Fprintf(w, `{"access_token":"%s_0","expires_in":7200}`, plantedToken)
	})
	patient := make(chan error, 1)
	first, cancel := context.WithCancel(context.Background())
	impatient := make(chan error, 1)
	go func() {
		_, err := c.CreateQR(first, "s", time.Minute)
		impatient <- err
	}()
	require.Eventually(t, func() bool { return f.count("cgi-bin/stable_token") == 1 }, 5*time.Second, time.Millisecond)
	go func() { patient <- createQR(c) }()
	cancel()
	require.ErrorIs(t, <-impatient, context.Canceled)
	close(block)
	require.NoError(t, <-patient, "who began the fetch may leave without harm to the others")
	require.Equal(t, 1, f.count("cgi-bin/stable_token"))
}

func TestSharedCopyIsSealed(t *testing.T) {
	f := newFixture(t)
	spy := &spySignals{Signals: f.signals}
	f.signals = spy
	require.NoError(t, createQR(f.client(t)))
	require.NotEmpty(t, spy.values)
	for _, value := range spy.values {
		require.NotContains(t, string(value), plantedToken)
	}
	for _, key := range spy.keys {
		require.NotContains(t, key, plantedSecret)
	}
}

func TestWithoutSignalsAReplicaFetchesAlone(t *testing.T) {
	f := newFixture(t)
	f.signals = &spySignals{Signals: f.signals, down: true}
	require.NoError(t, createQR(f.client(t)))
	require.NoError(t, createQR(f.client(t)))
	require.Equal(t, 2, f.count("cgi-bin/stable_token"))
	require.Contains(t, f.logs.String(), "signals are unreachable")
}

func TestForeignSharedCopyIsIgnored(t *testing.T) {
	f := newFixture(t)
	spy := &spySignals{Signals: f.signals}
	f.signals = spy
	require.NoError(t, createQR(f.client(t)))
	for _, key := range spy.keys {
		require.NoError(t, f.signals.Put(context.Background(), key, []byte("something else that is long enough to be sealed"), time.Hour))
	}
	require.NoError(t, createQR(f.client(t)))
	require.Equal(t, 2, f.count("cgi-bin/stable_token"))
}

func TestTheDaysForcedRenewalsAreCounted(t *testing.T) {
	f := newFixture(t)
	f.signals = noPause{f.signals}
	c := f.client(t)
	f.onJSON("cgi-bin/qrcode/create", `{"errcode":40001,"errmsg":"no"}`)
	for range 40 {
		f.clock.advance(time.Minute)
		require.Error(t, createQR(c))
	}
	require.Equal(t, 15, f.forced, "20 a day are all that the platform allows, and some are the operator's")
}

func TestTheLookIsRepeatedUnderTheLock(t *testing.T) {
	f := newFixture(t)
	other := f.client(t)
	spy := &spySignals{Signals: f.signals}
	spy.beforeLock = func() { require.NoError(t, createQR(other)) } // after the look, before the lock
	f.signals = spy
	require.NoError(t, createQR(f.client(t)))
	require.Equal(t, 1, f.count("cgi-bin/stable_token"))
}

func TestADeadReplicasLockIsOutlived(t *testing.T) {
	f := newFixture(t)
	spy := &spySignals{Signals: f.signals, held: 3}
	f.signals = spy
	require.NoError(t, createQR(f.client(t)))
	require.Equal(t, 1, f.count("cgi-bin/stable_token"))
}
