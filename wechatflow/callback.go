package wechatflow

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"qiao/wechatflow/wechat"
)

// getCallback serves GET /wechat/{account}: the platform verifies the address by a signed echo.
func (f *Flow) getCallback(w http.ResponseWriter, r *http.Request) {
	acc, ok := f.accounts[chi.URLParam(r, "account")]
	if !ok {
		plainText(w, http.StatusNotFound, "")
		return
	}
	echo, err := acc.Callback.Verify(r.URL.Query())
	if err != nil {
		f.refusePush(w, r, acc, err)
		return
	}
	plainText(w, http.StatusOK, echo)
}

// postCallback serves POST /wechat/{account}: a push. It is answered in time whatever happens: with a reply or
// `success` once what it tells is committed, else with 503, so that the platform delivers it again.
func (f *Flow) postCallback(w http.ResponseWriter, r *http.Request) {
	acc, ok := f.accounts[chi.URLParam(r, "account")]
	if !ok {
		plainText(w, http.StatusNotFound, "")
		return
	}
	began := time.Now() // not the flow's clock: this is how long somebody waits
	ctx, cancel := context.WithTimeout(r.Context(), f.Lifetimes.Callback)
	defer cancel()
	// A body that trickles in holds nothing open. Not every writer knows of deadlines.
	_ = http.NewResponseController(w).SetReadDeadline(began.Add(f.Lifetimes.Callback))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wechat.MaxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		plainText(w, http.StatusRequestEntityTooLarge, "")
		return
	}
	if err != nil {
		plainText(w, http.StatusBadRequest, "")
		return
	}
	m, err := acc.Callback.Open(r.URL.Query(), body)
	if err != nil {
		f.metrics.callbacks.WithLabelValues("refused").Observe(time.Since(began).Seconds())
		f.refusePush(w, r, acc, err)
		return
	}
	answer := f.answerInTime(ctx, acc, m)
	f.metrics.callbacks.WithLabelValues(answer.kind).Observe(time.Since(began).Seconds())
	if answer.kind == answerReply {
		w.Header().Set("Content-Type", "application/xml; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(answer.body) // the platform hung up: it delivers again
		return
	}
	if answer.kind == answerRetry {
		w.Header().Set("Retry-After", "5")
		plainText(w, http.StatusServiceUnavailable, "")
		return
	}
	plainText(w, http.StatusOK, wechat.Success)
}

// The kinds of answer to a genuine push.
const (
	answerReply   = "reply"
	answerSuccess = "success"
	answerRetry   = "retry"
)

type pushAnswer struct {
	kind string
	body []byte
}

// answerInTime does what the push asks for, and stops waiting when the time is over: a Store that hangs must not show
// the person that the service is out of order. What is still under way then may yet commit; the platform delivers
// again, and the repeated push gets the reply.
func (f *Flow) answerInTime(ctx context.Context, acc *account, m wechat.Message) pushAnswer {
	done := make(chan pushAnswer, 1)
	f.pushes.Go(func() { // Close waits for it; every call below it has ctx, which ends in time
		answer := pushAnswer{kind: answerRetry}
		if fault := recovered(func() { answer = f.answerPush(ctx, acc, m) }); fault != nil {
			f.Log.ErrorContext(ctx, "push panicked, asking for it again", "account", acc.name, "push", m.String(), "panic", fault.Error())
		}
		done <- answer
	})
	select {
	case answer := <-done:
		return answer
	case <-ctx.Done():
		return pushAnswer{kind: answerRetry}
	}
}

// answerPush does what the push asks for.
func (f *Flow) answerPush(ctx context.Context, acc *account, m wechat.Message) pushAnswer {
	text, told, err := f.handlePush(ctx, acc, m)
	if err != nil {
		f.Log.ErrorContext(ctx, "push not recorded, asking for it again", "account", acc.name, "push", m.String(), "error", err)
		return pushAnswer{kind: answerRetry}
	}
	if !told {
		text = f.withNotices(ctx, acc, m, text)
	}
	return f.seal(ctx, acc, m, text)
}

// seal makes the passive reply. Where it cannot be made the text goes out as a customer message: it is only then that
// the chat would stay silent, for a reply that was lost on the way is asked for again.
func (f *Flow) seal(ctx context.Context, acc *account, m wechat.Message, text string) pushAnswer {
	if text == "" {
		return pushAnswer{kind: answerSuccess}
	}
	body, err := acc.Callback.Reply(m, text, f.Now())
	if err != nil {
		f.Log.ErrorContext(ctx, "reply not sealed, sending it as a customer message", "account", acc.name, "error", err)
		f.tasks.submit(ctx, "send a reply as a customer message", func(ctx context.Context) error {
			return acc.Client.SendText(ctx, m.FromUser, text)
		})
		return pushAnswer{kind: answerSuccess}
	}
	return pushAnswer{kind: answerReply, body: body}
}

// refusePush answers what the platform did not send. The log says why, the answer does not; neither repeats it.
func (f *Flow) refusePush(w http.ResponseWriter, r *http.Request, acc *account, err error) {
	f.Log.WarnContext(r.Context(), "push refused", "account", acc.name, "error", err)
	plainText(w, http.StatusForbidden, "")
}

func plainText(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the other side hung up: nobody to tell
}
