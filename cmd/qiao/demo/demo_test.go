package demo_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/demo"
	"qiao/cmd/qiao/demo/play"
)

// running is a demo of a test.
type running struct {
	ready demo.Ready
	file  string       // the ready file
	stop  func() error // twice is once
}

func (r *running) people() play.Simulator {
	return play.Simulator{Base: r.ready.Simulator, Client: &http.Client{Timeout: 10 * time.Second}}
}

// start runs a demo for the test and returns what its ready file says.
func start(t *testing.T, yaml string) (demo.Ready, play.Simulator) {
	t.Helper()
	r := launch(t, demo.Options{Folder: t.TempDir()}, yaml)
	return r.ready, r.people()
}

// quiet fills in what every demo of a test has.
func quiet(o demo.Options) demo.Options {
	o.Out = io.Discard
	o.NewLog = func(config.Log) *slog.Logger { return slog.New(slog.DiscardHandler) }
	return o
}

// launch runs a demo with a configuration file until the test ends or stops it.
func launch(t *testing.T, o demo.Options, yaml ...string) *running {
	t.Helper()
	o = quiet(o)
	r := &running{file: filepath.Join(t.TempDir(), "ready.json")}
	o.ReadyFile = r.file
	if len(yaml) > 0 {
		o.Source.File = filepath.Join(t.TempDir(), "own.yaml")
		require.NoError(t, os.WriteFile(o.Source.File, []byte(yaml[0]), 0o600))
	}
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	ended := make(chan struct{})
	go func() { err = demo.Run(ctx, o); close(ended) }()
	r.stop = func() error { cancel(); <-ended; return err }
	t.Cleanup(func() { require.NoError(t, r.stop()) })
	for json.Unmarshal(readyText(r.file), &r.ready) != nil {
		select {
		case <-ended:
			t.Fatalf("the demo ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return r
}

func readyText(file string) []byte {
	text, _ := os.ReadFile(file) // not there so far
	return text
}

// refused runs a demo that must not start, and returns why it did not.
func refused(t *testing.T, yaml string) error {
	t.Helper()
	o := quiet(demo.Options{Folder: t.TempDir()})
	o.Source.File = filepath.Join(o.Folder, "own.yaml")
	require.NoError(t, os.WriteFile(o.Source.File, []byte(yaml), 0o600))
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	return demo.Run(ctx, o)
}

func TestWholeLoginByFormsAlone(t *testing.T) {
	t.Parallel()
	ready, sim := start(t, "")
	ctx := t.Context()
	person, err := sim.NewPerson(ctx, "+8613800001234")
	require.NoError(t, err)
	b := play.NewBrowser(nil, nil)

	require.NoError(t, b.Get(ctx, ready.RP+"/login/demo-web"))
	require.NoError(t, play.Login(ctx, b, person))
	state, _ := b.Page.Attr("data-state")
	require.Equal(t, "signed-in", state, b.Page.Text())
	require.Contains(t, b.Page.Text(), "+8613800001234")

	require.NoError(t, b.Submit(ctx, "refresh", "1", nil))
	refreshed, _ := b.Page.Attr("data-refreshed")
	require.Equal(t, "1", refreshed, b.Page.Text())

	require.NoError(t, b.Get(ctx, ready.RP+"/login/demo-app"), "another client of the company: the session is enough")
	state, _ = b.Page.Attr("data-state")
	require.Equal(t, "signed-in", state, b.Page.Text())

	require.NoError(t, b.Get(ctx, ready.RP+"/login/demo-partner"), "somebody else's client: consent first")
	require.NoError(t, b.Submit(ctx, "approve", "1", nil))
	state, _ = b.Page.Attr("data-state")
	require.Equal(t, "signed-in", state, b.Page.Text())

	require.NoError(t, b.Submit(ctx, "logout", "1", nil))
	require.Equal(t, ready.RP+"/", b.Page.URL.Scheme+"://"+b.Page.URL.Host+b.Page.URL.Path, b.Page.Text())
	require.NoError(t, b.Get(ctx, ready.RP+"/login/demo-web?prompt=none"))
	require.Contains(t, b.Page.Text(), "login_required")
}
