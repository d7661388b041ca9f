package memory

import "time"

// expiring is a bounded map whose entries end by themselves. Its owner holds a lock around every call.
type expiring[V any] struct {
	max     int
	entries map[string]entry[V]
}

type entry[V any] struct {
	value   V
	expires time.Time
}

func newExpiring[V any](max int) *expiring[V] {
	return &expiring[V]{max: max, entries: make(map[string]entry[V])}
}

// get returns the entry where there is one that has not expired.
func (m *expiring[V]) get(key string, now time.Time) (entry[V], bool) {
	e, ok := m.entries[key]
	return e, ok && now.Before(e.expires)
}

// put stores an entry, and reports false when the map is full of entries that are still good.
func (m *expiring[V]) put(key string, e entry[V], now time.Time) bool {
	if _, there := m.entries[key]; !there && len(m.entries) >= m.max {
		if m.sweep(now); len(m.entries) >= m.max {
			return false
		}
	}
	m.entries[key] = e
	return true
}

// sweep removes what has expired.
func (m *expiring[V]) sweep(now time.Time) {
	for key, e := range m.entries {
		if !now.Before(e.expires) {
			delete(m.entries, key)
		}
	}
}

// evict removes some entries, whichever come first in the map's random order.
func (m *expiring[V]) evict(n int) {
	for key := range m.entries {
		if n--; n < 0 {
			return
		}
		delete(m.entries, key)
	}
}
