//go:build bench

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"qiao/cmd/qiao/demo/play"
)

const (
	agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	// A browser sends about as much as this with every request.
	browserHeader = "User-Agent: " + agent + "\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\n" +
		"Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n"
	// A server bounds who waits at one address, and an address has so many ports: the crowd has several.
	perAddress = 500
)

// crowd is many browsers that wait, and people who scan.
type crowd struct {
	browsers []*browser
	people   []*play.Person
	scanned  int // how many browsers' codes were scanned

	mu      sync.Mutex
	moments map[int64]int // requests by the tenth of a second
	failed  map[int64]map[string]int
}

// browser shows the login card and does what the page's script does.
type browser struct {
	path, cookie, qr string
	version          string
	scannedAt        atomic.Int64 // Unix nanoseconds; 0 before
	told             chan time.Time
}

func newCrowd() *crowd {
	return &crowd{moments: map[int64]int{}, failed: map[int64]map[string]int{}}
}

// meet makes people who follow the account.
func (c *crowd) meet(sim string, n int) error {
	s := play.Simulator{Base: sim, Client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 20 * time.Second}}
	for range n {
		p, err := s.NewPerson(context.Background(), "")
		if err == nil {
			err = s.Call(context.Background(), http.MethodPost, "/sim/people/"+p.ID+"/follow", map[string]string{}, nil)
		}
		if err != nil {
			return err
		}
		c.people = append(c.people, p)
	}
	return nil
}

// begin opens n login pages, in empty browsers.
func (c *crowd) begin(address string, n int) error {
	c.browsers = make([]*browser, n)
	var next atomic.Int64
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			l, err := dialFrom(w, address)
			for err == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				c.browsers[i], err = l.login()
			}
			errs[w] = err
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// sit has all browsers wait at the server. Without logins there are n that wait at the floor.
func (c *crowd) sit(address string, n int) error {
	if c.browsers == nil {
		for i := range n {
			c.browsers = append(c.browsers, &browser{path: "/wait?topic=" + strconv.Itoa(i) + "&v=", cookie: "qiao_browser=" + strings.Repeat("x", 43), version: "1"})
		}
	}
	var wg sync.WaitGroup
	var failed atomic.Int64
	places := make(chan struct{}, 64) // dials at once
	pace := time.NewTicker(time.Second / 500)
	defer pace.Stop()
	for i, b := range c.browsers {
		<-pace.C
		wg.Add(1)
		go func() {
			places <- struct{}{}
			l, err := dialFrom(i/perAddress, address)
			<-places
			if err != nil {
				failed.Add(1)
			}
			wg.Done()
			if err == nil {
				c.wait(b, l, i/perAddress)
			}
		}()
	}
	wg.Wait()
	if failed.Load() > 0 {
		return fmt.Errorf("%d browsers did not reach the server", failed.Load())
	}
	return nil
}

// wait polls as the page's script does, until the process ends.
func (c *crowd) wait(b *browser, l *line, local int) {
	for bad := 0; ; {
		began := time.Now()
		held := 20
		if bad > 0 {
			held = 0
		}
		news, err := c.poll(b, l, held)
		if err == nil {
			if bad > 0 && bad < 3 {
				bad--
			}
			if !news && time.Since(began) < 2*time.Second {
				time.Sleep(2 * time.Second)
			}
			continue
		}
		bad++
		_ = l.Close()
		time.Sleep(2 * time.Second)
		for again := error(nil); ; time.Sleep(2 * time.Second) {
			if l, again = dialFrom(local, l.host); again == nil {
				break
			}
			c.fail("dial")
		}
	}
}

// poll asks once, and reports whether there was news.
func (c *crowd) poll(b *browser, l *line, held int) (news bool, err error) {
	c.mu.Lock()
	c.moments[time.Now().UnixMilli()/100]++
	c.mu.Unlock()
	_ = l.SetDeadline(time.Now().Add(30 * time.Second))
	res, body, err := l.get(b.path+b.version+"&wait="+strconv.Itoa(held), b.cookie)
	switch {
	case err != nil:
		c.fail("connection")
		return false, err
	case res.StatusCode != http.StatusOK:
		c.fail("status " + strconv.Itoa(res.StatusCode))
		return false, errors.New(res.Status)
	}
	_, rest, _ := bytes.Cut(body, []byte(`"v":`))
	version := string(rest[:max(0, bytes.IndexAny(rest, ",}"))])
	if version == b.version {
		return false, nil
	}
	b.version = version
	if b.scannedAt.Load() != 0 && bytes.Contains(body, []byte(`"scanned"`)) {
		select {
		case b.told <- time.Now():
		default:
		}
	}
	return true, nil
}

func (c *crowd) fail(how string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := time.Now().UnixMilli() / 100
	if c.failed[at] == nil {
		c.failed[at] = map[string]int{}
	}
	c.failed[at][how]++
}

// scan has n people scan the code of a browser each, and waits until their browsers show it.
func (c *crowd) scan(n int, gap time.Duration) (report, error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var r report
	var faults []error
	if c.scanned+n > min(len(c.people), len(c.browsers)) {
		return r, errors.New("there is nobody left to scan")
	}
	// All over the crowd, not those that came first.
	step := max(1, len(c.browsers)/len(c.people))
	for ; n > 0; n-- {
		b, p := c.browsers[c.scanned*step], c.people[c.scanned]
		c.scanned++
		wg.Go(func() {
			began := time.Now()
			b.scannedAt.Store(began.UnixNano())
			_, err := p.Scan(context.Background(), b.qr)
			late := time.NewTimer(20 * time.Second)
			defer late.Stop()
			mu.Lock()
			if err != nil {
				faults = append(faults, err)
			}
			mu.Unlock()
			select {
			case at := <-b.told:
				mu.Lock()
				defer mu.Unlock()
				r.Took, r.Answered = append(r.Took, at.Sub(began)), append(r.Answered, at)
			case <-late.C:
				mu.Lock()
				defer mu.Unlock()
				r.Lost++
			}
		})
		time.Sleep(gap)
	}
	wg.Wait()
	slices.Sort(r.Took)
	slices.SortFunc(r.Answered, time.Time.Compare)
	return r, errors.Join(faults...)
}

// tally counts the requests since then.
func (c *crowd) tally(since time.Time) report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := report{Failed: map[string]int{}, Peak: peak(c.moments, since)}
	from := since.UnixMilli() / 100
	for at, n := range c.moments {
		if at >= from {
			r.Requests += n
		}
	}
	for at := range maps.Keys(c.failed) {
		if at < from {
			continue
		}
		for how, n := range c.failed[at] {
			r.Failed[how] += n
		}
	}
	return r
}
