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

// start runs a demo for the test and returns what its ready file says.
func start(t *testing.T, yaml string) (demo.Ready, play.Simulator) {
	t.Helper()
	dir := t.TempDir()
	o := demo.Options{
		Folder: dir, ReadyFile: filepath.Join(dir, "ready.json"), Out: io.Discard,
		NewLog: func(config.Log) *slog.Logger { return slog.New(slog.DiscardHandler) },
	}
	if yaml != "" {
		o.Source.File = filepath.Join(dir, "own.yaml")
		require.NoError(t, os.WriteFile(o.Source.File, []byte(yaml), 0o600))
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- demo.Run(ctx, o) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	var ready demo.Ready
	require.Eventually(t, func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the demo ended: %v", err)
		default:
		}
		text, err := os.ReadFile(o.ReadyFile)
		return err == nil && json.Unmarshal(text, &ready) == nil
	}, 20*time.Second, 10*time.Millisecond)
	return ready, play.Simulator{Base: ready.Simulator, Client: &http.Client{Timeout: 10 * time.Second}}
}

func TestWholeLoginByFormsAlone(t *testing.T) {
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
