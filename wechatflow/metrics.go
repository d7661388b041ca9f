package wechatflow

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"qiao/storage"
)

// metrics is the funnel, from the code that is shown to the session, and how long the platform waits for us.
type metrics struct {
	codes       *prometheus.CounterVec // account, kind: platform or page; device or device_address
	scans       *prometheus.CounterVec // outcome
	confirms    *prometheus.CounterVec // outcome
	messages    *prometheus.CounterVec // outcome: sent, failed, limited
	binds       *prometheus.CounterVec // outcome
	completions prometheus.Counter
	callbacks   *prometheus.HistogramVec // answer: reply, success, refused, retry
	platform    *prometheus.CounterVec   // failed calls, by call
	waiting     prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	if registerer == nil {
		registerer = prometheus.NewRegistry()
	}
	var faults []error
	add := func(c prometheus.Collector) { faults = append(faults, registerer.Register(c)) }
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		add(c)
		return c
	}
	m := &metrics{
		codes:    counter("qiao_login_qr_created_total", "QR codes made for login pages and devices.", "account", "kind"),
		scans:    counter("qiao_login_scans_total", "Scans of our codes.", "outcome"),
		confirms: counter("qiao_login_confirms_total", "Answers on the phone's confirm page.", "outcome"),
		messages: counter("qiao_login_messages_total", "Text messages with a code.", "outcome"),
		binds:    counter("qiao_login_binds_total", "Tries of a text-message code and moves of a number.", "outcome"),
		platform: counter("qiao_wechat_failures_total", "Failed calls of the WeChat platform.", "call"),
		completions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "qiao_login_completions_total", Help: "Sessions opened by a login.",
		}),
		callbacks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "qiao_wechat_callback_seconds", Help: "How long the platform waited for an answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 3.5, 5},
		}, []string{"answer"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "qiao_login_waiters", Help: "Login pages that wait in a long poll.",
		}),
	}
	add(m.completions)
	add(m.callbacks)
	add(m.waiting)
	return m, errors.Join(faults...)
}

// outcomeName is a scan's outcome as a metric's label and in the log.
func outcomeName(o storage.ScanOutcome, a storage.Attempt) string {
	switch o {
	case storage.ScanAccepted:
		if a.Alone {
			return "alone"
		}
		return "accepted"
	case storage.ScanRepeated:
		return "repeated"
	case storage.ScanTaken:
		return "taken"
	case storage.ScanOver:
		return "over"
	case storage.ScanBlocked:
		return "blocked"
	case storage.ScanLocked:
		return "locked"
	default:
		return "unknown"
	}
}

func confirmName(o storage.ConfirmOutcome) string {
	switch o {
	case storage.ConfirmDone:
		return "done"
	case storage.ConfirmPhoneNeeded:
		return "phone_needed"
	default:
		return "wrong"
	}
}

func bindName(o storage.BindOutcome) string {
	switch o {
	case storage.BindDone:
		return "done"
	case storage.BindWrongCode:
		return "wrong_code"
	case storage.BindHeld:
		return "held"
	default:
		return "expired"
	}
}
