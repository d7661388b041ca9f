package op

import (
	"net/http"

	"qiao/storage"
)

// allow counts a request against the rate of its address. limited is a tooMany error. down is set when the signals do
// not answer: what needs no new login goes on then, for a rate is no invariant.
func (p *Provider) allow(r *http.Request, name string, rate Rate) (limited, down error) {
	return p.allowAll(r, p.use(r, name, rate))
}

// allowAll is allow for several rates at once, up to the first that is used up.
func (p *Provider) allowAll(r *http.Request, uses ...storage.Use) (limited, down error) {
	ok, retryIn, err := p.signals.Allow(r.Context(), uses...)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return tooMany("rate limit of this address", retryIn), nil
	}
	return nil, nil
}

// use is a request as a use of its address.
func (p *Provider) use(r *http.Request, name string, rate Rate) storage.Use {
	return storage.Use{Key: name + ":" + p.guard.AddressKey(r), Max: rate.Max, Window: rate.Window}
}
