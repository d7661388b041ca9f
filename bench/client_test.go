//go:build bench

package bench

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// conn is one kept connection: requests are bytes made before, answers are read by their length. It costs so little that
// the server, not the client, is what is measured.
type conn struct {
	c net.Conn
	r *bufio.Reader
}

func dial(address string) (*conn, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, r: bufio.NewReaderSize(c, 16<<10)}, nil
}

// dial opens a connection for each worker.
func (p process) dial(t *testing.T) []*conn {
	t.Helper()
	conns := make([]*conn, workers)
	for i := range conns {
		c, err := dial(p.address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.c.Close() })
		conns[i] = c
	}
	return conns
}

// post is a request of the client, which authenticates by basic.
func (p process) post(path, form string) []byte {
	basic := base64.StdEncoding.EncodeToString([]byte(clientID + ":" + clientSecret))
	return []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		path, p.address, basic, len(form), form))
}

// do sends a request and returns the status, the Location header and the body.
func (c *conn) do(request []byte) (status int, location string, body []byte, err error) {
	if _, err = c.c.Write(request); err != nil {
		return 0, "", nil, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, "", nil, err
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, "", nil, err
	}
	length, chunked := 0, false
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, "", nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			length, _ = strconv.Atoi(string(value))
		case bytes.EqualFold(name, []byte("Location")):
			location = string(value)
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if chunked {
		return status, location, nil, fmt.Errorf("the answer of %d is chunked", status)
	}
	body = make([]byte, length)
	_, err = io.ReadFull(c.r, body)
	return status, location, body, err
}

// measured is what a closed loop saw.
type measured struct {
	n        int
	failed   int
	took     time.Duration
	p50, p99 time.Duration
	cpu      map[string]time.Duration // processor time by process name
	all      []time.Duration          // what each took, shortest first
}

// and is both measures together.
func (m measured) and(other measured) measured {
	sum := measured{n: m.n + other.n, failed: m.failed + other.failed, took: m.took + other.took, cpu: map[string]time.Duration{}}
	for _, one := range []measured{m, other} {
		for name, d := range one.cpu {
			sum.cpu[name] += d
		}
	}
	sum.sorted(slices.Concat(m.all, other.all))
	return sum
}

func (m *measured) sorted(all []time.Duration) {
	slices.Sort(all)
	if m.all = all; len(all) > 0 {
		m.p50, m.p99 = all[len(all)/2], all[len(all)*99/100]
	}
}

func (m measured) rate() float64 { return float64(m.n) / m.took.Seconds() }

// cpuEach is the processor time of the named processes for one operation.
func (m measured) cpuEach(names ...string) time.Duration {
	var sum time.Duration
	for _, n := range names {
		sum += m.cpu[n]
	}
	return sum / time.Duration(max(1, m.n))
}

// loop runs step in workers until the time is over or the work is done. step gets the worker's number and returns false
// when there is nothing left; an error counts as failed.
func loop(workers int, life time.Duration, cpu func() map[string]time.Duration, step func(worker int) (bool, error)) measured {
	var mu sync.Mutex
	var all []time.Duration
	m := measured{}
	before, began := cpu(), time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var mine []time.Duration
			failed := 0
			for time.Since(began) < life {
				at := time.Now()
				more, err := step(w)
				if !more {
					break
				}
				if err != nil {
					failed++
					if failed > 100 {
						break
					}
					continue
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			defer mu.Unlock()
			all, m.failed = append(all, mine...), m.failed+failed
		})
	}
	wg.Wait()
	m.took, m.n, m.cpu = time.Since(began), len(all), map[string]time.Duration{}
	for name, after := range cpu() {
		m.cpu[name] = max(0, after-before[name]) // a PostgreSQL process that has ended takes its time with it
	}
	m.sorted(all)
	return m
}
