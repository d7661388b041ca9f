package simulator

import (
	"math"
	"net/http"
	"time"
)

// fault makes a platform call fail or crawl.
type fault struct {
	path    string
	errcode int
	status  int
	delay   time.Duration
	left    int // times; negative: until cleared
}

// addFault adds a fault. Without times it stays until it is cleared; the first that fits a call is the one that counts.
func (s *Simulator) addFault(r *http.Request) (any, error) {
	var in struct {
		Path    string `json:"path"`
		Errcode int    `json:"errcode"`
		Status  int    `json:"status"`
		DelayMS int    `json:"delay_ms"`
		Times   int    `json:"times"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	path, err := s.platformPath(in.Path)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Status != 0 && (in.Status < 200 || in.Status > 599):
		return nil, malformed("status is an HTTP status")
	case in.DelayMS < 0 || in.DelayMS > 600_000:
		return nil, malformed("delay_ms is 0 to 600000")
	case in.Times < 0:
		return nil, malformed("times is how often the fault happens")
	case in.Errcode == 0 && in.Status == 0 && in.DelayMS == 0:
		return nil, malformed("a fault needs errcode, status or delay_ms")
	}
	if in.Times == 0 {
		in.Times = -1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) >= maxFaults {
		return nil, malformed("there are too many faults already")
	}
	s.faults = append(s.faults, &fault{
		path: path, errcode: in.Errcode, status: in.Status, left: in.Times,
		delay: time.Duration(in.DelayMS) * time.Millisecond,
	})
	return struct {
		Faults int `json:"faults"`
	}{len(s.faults)}, nil
}

func (s *Simulator) clearFaults(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	return struct {
		Faults int `json:"faults"`
	}{0}, nil
}

// injectFault counts the call, and plays the fault that waits for it. It reports whether the call is answered.
func (s *Simulator) injectFault(w http.ResponseWriter, r *http.Request, path string) bool {
	s.mu.Lock()
	s.called[path]++
	f, ok := s.takeFault(path)
	s.mu.Unlock()
	if !ok {
		return false
	}
	if f.delay > 0 && !wait(r.Context(), s.ctx, f.delay) {
		return true
	}
	switch {
	case f.status != 0:
		http.Error(w, http.StatusText(f.status), f.status)
	case f.errcode != 0:
		s.writePlatform(w, nil, platformError(f.errcode))
	default:
		return false
	}
	return true
}

func (s *Simulator) takeFault(path string) (fault, bool) {
	for i, f := range s.faults {
		if f.path != path {
			continue
		}
		taken := *f
		if f.left > 0 {
			f.left--
			if f.left == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return taken, true
	}
	return fault{}, false
}

// moveClock moves the simulator's clock ahead: codes and tokens expire, windows close, deliveries are repeated.
func (s *Simulator) moveClock(r *http.Request) (any, error) {
	var in struct {
		AdvanceS float64 `json:"advance_s"`
	}
	if err := readJSON(r, &in); err != nil {
		return nil, err
	}
	const most = 10 * 365 * 86400
	if math.IsNaN(in.AdvanceS) || in.AdvanceS < 0 || in.AdvanceS > most {
		return nil, malformed("advance_s is the number of seconds to move ahead")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ahead.Seconds()+in.AdvanceS > most {
		return nil, malformed("the clock is ten years ahead already")
	}
	s.ahead += time.Duration(in.AdvanceS * float64(time.Second))
	close(s.moved)
	s.moved = make(chan struct{})
	return struct {
		Now time.Time `json:"now"`
	}{s.now().UTC()}, nil
}
