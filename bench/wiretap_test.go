//go:build bench

package bench

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wiretap stands between a replica and PostgreSQL and counts the statements that pass: PostgreSQL's own statistics come
// late, and do not tell one second from the next.
type wiretap struct {
	dsn string

	mu      sync.Mutex
	verbs   map[string]int // by their first word
	moments map[int64]int  // by the tenth of a second
}

func newWiretap(t *testing.T, dsn string) *wiretap {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	values, dir := u.Query(), t.TempDir()
	socket := filepath.Join(values.Get("host"), ".s.PGSQL.5432")
	listener, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	values.Set("host", dir)
	u.RawQuery = values.Encode()
	w := &wiretap{dsn: u.String(), verbs: map[string]int{}, moments: map[int64]int{}}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(client, server)
				_ = client.Close()
			}()
			go func() {
				w.listen(server, client)
				_ = server.Close()
			}()
		}
	}()
	return w
}

// listen hands on what the client says, message by message: after the first one each has a letter and a length.
func (w *wiretap) listen(to io.Writer, from io.Reader) {
	in, out := bufio.NewReaderSize(from, 16<<10), bufio.NewWriterSize(to, 16<<10)
	prepared := map[string]string{}
	head, body := make([]byte, 5), []byte(nil)
	for first := true; ; first = false {
		part := head
		if first {
			part = head[1:]
		}
		if _, err := io.ReadFull(in, part); err != nil {
			return
		}
		body = append(body[:0], make([]byte, binary.BigEndian.Uint32(head[1:])-4)...)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		if !first {
			w.hear(prepared, head[0], body)
		}
		_, _ = out.Write(part)
		_, _ = out.Write(body)
		if in.Buffered() == 0 {
			if out.Flush() != nil {
				return
			}
		}
	}
}

// hear counts simple queries, and each use of a prepared statement by the text that it was prepared from.
func (w *wiretap) hear(prepared map[string]string, kind byte, body []byte) {
	switch kind {
	case 'P':
		name, rest, _ := bytes.Cut(body, []byte{0})
		prepared[string(name)] = verb(rest)
	case 'B':
		_, rest, _ := bytes.Cut(body, []byte{0})
		name, _, _ := bytes.Cut(rest, []byte{0})
		w.count(prepared[string(name)])
	case 'Q':
		w.count(verb(body))
	}
}

func verb(statement []byte) string {
	fields := strings.Fields(string(statement[:min(len(statement), 40)]))
	if len(fields) == 0 {
		return ""
	}
	return strings.ToUpper(strings.TrimRight(fields[0], "\x00;"))
}

func (w *wiretap) count(verb string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verbs[verb]++
	w.moments[time.Now().UnixMilli()/100]++
}

// statements are those since the beginning, by their first word.
func (w *wiretap) statements() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.verbs)
}

// peak is the most statements within a second since then.
func (w *wiretap) peak(since time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return peak(w.moments, since)
}

// peak is the most within any ten tenths of a second in a row.
func peak(moments map[int64]int, since time.Time) (most int) {
	for at := range moments {
		sum := 0
		for n := range int64(10) {
			sum += moments[at+n]
		}
		if at >= since.UnixMilli()/100 {
			most = max(most, sum)
		}
	}
	return most
}
