package op

import "github.com/prometheus/client_golang/prometheus"

// metrics count outcomes. Their labels are words of ours, never something that was sent.
type metrics struct {
	authorizations *prometheus.CounterVec
	logouts        *prometheus.CounterVec
	devices        *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) (metrics, error) {
	m := metrics{
		authorizations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qiao_authorize_total",
			Help: "Answers of the authorization endpoint and its continuation: code, login, consent, error_<code>, page_<kind>.",
		}, []string{"outcome"}),
		logouts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qiao_end_session_total",
			Help: "Answers of the logout endpoint: ended, asked, stayed, nobody, page_<kind>.",
		}, []string{"outcome"}),
		devices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "qiao_device_page_total",
			Help: "Answers of the pages where the code of a TV is typed: wrong_code, too_many, login, asked, approved, declined, expired, taken, cancelled, locked, page_<kind>.",
		}, []string{"outcome"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.authorizations, m.logouts, m.devices} {
		if err := reg.Register(c); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m metrics) authorize(outcome string) { m.authorizations.WithLabelValues(outcome).Inc() }
func (m metrics) device(outcome string)    { m.devices.WithLabelValues(outcome).Inc() }
func (m metrics) logout(outcome string)    { m.logouts.WithLabelValues(outcome).Inc() }
