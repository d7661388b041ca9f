//go:build bench

package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// line is a connection of a browser.
type line struct {
	net.Conn
	in   *bufio.Reader
	host string
}

// dialFrom connects from the n-th loopback address.
func dialFrom(n int, address string) (*line, error) {
	d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+n%250))}}
	c, err := d.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &line{c, bufio.NewReaderSize(c, 2<<10), address}, nil
}

func (l *line) get(path, cookie string) (*http.Response, []byte, error) {
	if _, err := io.WriteString(l, "GET "+path+" HTTP/1.1\r\nHost: "+l.host+"\r\n"+browserHeader+"Cookie: "+cookie+"\r\n\r\n"); err != nil {
		return nil, nil, err
	}
	res, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return res, body, err
}

// login opens a login page in an empty browser.
func (l *line) login() (*browser, error) {
	res, _, err := l.get(authorizePath(), "a=b")
	if err != nil {
		return nil, err
	}
	b := &browser{path: res.Header.Get("Location"), told: make(chan time.Time, 1)}
	for _, cookie := range res.Cookies() {
		b.cookie = cookie.Name + "=" + cookie.Value
	}
	res, page, err := l.get(b.path, b.cookie)
	if err != nil {
		return nil, err
	}
	b.qr, b.version = attribute(page, "data-qr"), attribute(page, "data-v")
	if b.qr == "" || b.version == "" {
		return nil, fmt.Errorf("status %d, no code at %s", res.StatusCode, b.path)
	}
	b.path += "/state?v="
	return b, nil
}

func attribute(page []byte, name string) string {
	_, rest, _ := bytes.Cut(page, []byte(name+`="`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return strings.ReplaceAll(string(value), "&amp;", "&")
}
