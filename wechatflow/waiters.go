package wechatflow

import (
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"qiao/storage"
)

// waiters bounds the long polls that are held open in this replica, so that one browser or address cannot hold them
// all. It counts connections, not logins: nothing rests on it.
type waiters struct {
	perBrowser, perAddress int
	gauge                  prometheus.Gauge

	mu       sync.Mutex
	browsers map[storage.Hash]int
	address  map[netip.Addr]int
}

func newWaiters(perBrowser, perAddress int, gauge prometheus.Gauge) *waiters {
	return &waiters{
		perBrowser: perBrowser, perAddress: perAddress, gauge: gauge,
		browsers: make(map[storage.Hash]int), address: make(map[netip.Addr]int),
	}
}

// enter takes a place, or reports that there is none; leave gives it back.
func (w *waiters) enter(browser storage.Hash, address netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.browsers[browser] >= w.perBrowser || w.address[address] >= w.perAddress {
		return false
	}
	w.browsers[browser]++
	w.address[address]++
	w.gauge.Inc()
	return true
}

func (w *waiters) leave(browser storage.Hash, address netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gauge.Dec()
	if w.browsers[browser]--; w.browsers[browser] == 0 {
		delete(w.browsers, browser)
	}
	if w.address[address]--; w.address[address] == 0 {
		delete(w.address, address)
	}
}
