package op

import "net/http"

// allow counts a request against the rate of its address. limited is a tooMany error. down is set when the signals do
// not answer: what needs no new login goes on then, for a rate is no invariant.
func (p *Provider) allow(r *http.Request, name string, rate Rate) (limited, down error) {
	ok, retryIn, err := p.signals.Allow(r.Context(), name+":"+p.guard.AddressKey(r), rate.Max, rate.Window)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return tooMany("rate limit of this address", retryIn), nil
	}
	return nil, nil
}
