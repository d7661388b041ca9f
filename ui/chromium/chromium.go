// Package chromium drives a headless Chromium for screenshots and for tests that need a real browser. It speaks the
// DevTools protocol over a pipe, so it needs no port, no driver and no library.
//
// A Browser has one process, and every Tab a browser context of its own: its own cookies, like another person.
package chromium

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
)

// Browser is one running Chromium.
type Browser struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	profile string
	done    chan struct{} // closed when the browser's pipe ends

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
	events  map[string][]func(method string, params json.RawMessage) // by session
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// Find returns the Chromium to run: $CHROMIUM, or the first on the PATH.
func Find() (string, error) {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("chromium is not installed: install the package chromium, or set CHROMIUM to its path")
}

// Start launches a browser with an empty profile. It ends with ctx or with Close.
func Start(ctx context.Context) (*Browser, error) {
	path, err := Find()
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "qiao-chromium-")
	if err != nil {
		return nil, fmt.Errorf("make a profile: %w", err)
	}
	toBrowser, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	out, fromBrowser, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-dev-shm-usage", "--disable-sync", "--disable-component-update",
		"--no-default-browser-check", "--hide-scrollbars", "--mute-audio", "--user-data-dir="+profile, "--remote-debugging-pipe")
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser} // descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	toBrowser.Close()
	fromBrowser.Close()
	b := &Browser{
		cmd: cmd, in: in, profile: profile, done: make(chan struct{}), waiting: map[int]chan reply{},
		events: map[string][]func(string, json.RawMessage){},
	}
	go b.read(out)
	return b, nil
}

// Close ends the browser and removes its profile.
func (b *Browser) Close() error {
	b.in.Close() // the browser ends with its pipe
	<-b.done
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait() // it was killed: how it ended says nothing
	return os.RemoveAll(b.profile)
}

// read hands out the browser's messages, each ended by a zero byte.
func (b *Browser) read(out io.ReadCloser) {
	defer close(b.done)
	defer out.Close()
	lines := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := lines.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID        int
			Method    string
			SessionID string `json:"sessionId"`
			Params    json.RawMessage
			reply
		}
		if json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &m) != nil {
			continue
		}
		b.mu.Lock()
		answer := b.waiting[m.ID]
		delete(b.waiting, m.ID)
		listeners := b.events[m.SessionID]
		b.mu.Unlock()
		if answer != nil {
			answer <- m.reply
		} else {
			for _, f := range listeners {
				f(m.Method, m.Params)
			}
		}
	}
}

// call sends one command and waits for its answer.
func (b *Browser) call(ctx context.Context, session, method string, params, result any) error {
	answer := make(chan reply, 1)
	b.mu.Lock()
	b.next++
	id := b.next
	b.waiting[id] = answer
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params, "sessionId": session})
	if session == "" {
		text, err = json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	}
	if err == nil {
		_, err = b.in.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("send %s: %w", method, err)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", method, ctx.Err())
	case <-b.done:
		return fmt.Errorf("%s: chromium has ended", method)
	case r := <-answer:
		if r.Error != nil {
			return fmt.Errorf("%s: %s", method, r.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(r.Result, result)
	}
}

func decode(data string) ([]byte, error) { return base64.StdEncoding.DecodeString(data) }
