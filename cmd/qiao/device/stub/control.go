package stub

import "time"

// Set changes the settings.
func (p *Provider) Set(change func(*Settings)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.s)
}

// Settings returns the settings of the moment.
func (p *Provider) Settings() Settings {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.s
}

// Polls are the times of the polls so far.
func (p *Provider) Polls() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Time(nil), p.polls...)
}

// Started are the forms that asked for a code.
func (p *Provider) Started() []map[string][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]map[string][]string(nil), p.started...)
}

// Revoked are the tokens that were revoked.
func (p *Provider) Revoked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.revoked...)
}

// Forget forgets the code, as if it had been redeemed and the answer lost.
func (p *Provider) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.code = ""
}

// EndAccess ends the access token; the refresh token goes on.
func (p *Provider) EndAccess() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = p.tokens
}

// Hold holds the next request of a path: arrived is closed when it is there, and it goes on when goOn is closed.
func (p *Provider) Hold(path string) (arrived <-chan struct{}, goOn chan<- struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.arrived, p.goOn = path, make(chan struct{}), make(chan struct{})
	return p.arrived, p.goOn
}

func (p *Provider) hold(path string) {
	p.mu.Lock()
	held, arrived, goOn := p.held == path, p.arrived, p.goOn
	if held {
		p.held = ""
	}
	p.mu.Unlock()
	if held {
		close(arrived)
		<-goOn
	}
}
