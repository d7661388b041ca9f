//go:build bench

package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The crowd is ten thousand browsers in a process of their own: this test binary, started again. It takes orders, one
// line of JSON each, and reports on each when it is done.

type order struct {
	Do      string        `json:"do"` // people, login, wait, scan or count
	N       int           `json:"n,omitempty"`
	Address string        `json:"address,omitempty"` // of the server, host:port
	Sim     string        `json:"sim,omitempty"`     // of the simulator
	Gap     time.Duration `json:"gap,omitempty"`     // between two scans
	Since   time.Time     `json:"since,omitzero"`    // of what is counted
}

type report struct {
	Error    string          `json:"error,omitempty"`
	Took     []time.Duration `json:"took,omitempty"`     // from each scan to its browser
	Answered []time.Time     `json:"answered,omitempty"` // when each browser was told of its scan
	Lost     int             `json:"lost,omitempty"`     // scans of which no browser was told
	Requests int             `json:"requests,omitempty"`
	Failed   map[string]int  `json:"failed,omitempty"` // requests, by what came of them
	Peak     int             `json:"peak,omitempty"`   // most requests within a second
}

// crowdMark tells the test binary that it is a crowd.
const crowdMark = "BENCH_CROWD"

func TestMain(m *testing.M) {
	if os.Getenv(crowdMark) == "" {
		os.Exit(m.Run())
	}
	c, in, out := newCrowd(), json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o order
		if in.Decode(&o) != nil { // the bench has ended
			os.Exit(0)
		}
		r, err := c.obey(o)
		if err != nil {
			r.Error = err.Error()
		}
		_ = out.Encode(r)
	}
}

// crowdProcess is the bench's end of a crowd.
type crowdProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startCrowd(t *testing.T) *crowdProcess {
	t.Helper()
	p := &crowdProcess{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), crowdMark+"=1", "GOGC=400")
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.in, p.out = in, json.NewDecoder(out)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(p.end)
	return p
}

// end closes all connections of the crowd. Twice is once.
func (p *crowdProcess) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// send gives an order; the report comes with receive.
func (p *crowdProcess) send(t *testing.T, o order) {
	t.Helper()
	require.NoError(t, json.NewEncoder(p.in).Encode(o))
}

func (p *crowdProcess) receive(t *testing.T) report {
	t.Helper()
	var r report
	require.NoError(t, p.out.Decode(&r))
	require.Empty(t, r.Error)
	return r
}

func (p *crowdProcess) order(t *testing.T, o order) report {
	t.Helper()
	p.send(t, o)
	return p.receive(t)
}

// obey carries an order out.
func (c *crowd) obey(o order) (report, error) {
	switch o.Do {
	case "people":
		return report{}, c.meet(o.Sim, o.N)
	case "login":
		return report{}, c.begin(o.Address, o.N)
	case "wait":
		return report{}, c.sit(o.Address, o.N)
	case "scan":
		return c.scan(o.N, o.Gap)
	case "count":
		return c.tally(o.Since), nil
	}
	return report{}, fmt.Errorf("there is no order %q", o.Do)
}
