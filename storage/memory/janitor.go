package memory

import "time"

// janitor removes what has expired until Close.
func (s *Signals) janitor() {
	defer close(s.stopped)
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.sweep()
		case <-s.stop:
			return
		}
	}
}

func (s *Signals) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.counters.sweep(now)
	s.locks.sweep(now)
	s.paces.sweep(now)
	s.sweepValues(now)
}

// sweepValues removes values that have expired and counts the bytes of the others.
func (s *Signals) sweepValues(now time.Time) {
	s.values.sweep(now)
	s.valueBytes = 0
	for _, e := range s.values.entries {
		s.valueBytes += len(e.value)
	}
}

// atLeastMillisecond is the shortest time that both kinds of signals can keep something for.
func atLeastMillisecond(d time.Duration) time.Duration { return max(d, time.Millisecond) }
