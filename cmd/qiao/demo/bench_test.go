package demo_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/demo"
)

// BenchmarkReady is how long a demo takes from its start until everything answers; a person waits for it.
func BenchmarkReady(b *testing.B) {
	var longest time.Duration
	for b.Loop() {
		o := quiet(demo.Options{ReadyFile: filepath.Join(b.TempDir(), "ready.json")})
		ctx, stop := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- demo.Run(ctx, o) }()
		for len(readyText(o.ReadyFile)) == 0 {
			time.Sleep(time.Millisecond) // looks like whoever waits for the file
		}
		longest = max(longest, time.Since(began))
		b.StopTimer()
		stop()
		require.NoError(b, <-ended)
		b.StartTimer()
	}
	b.ReportMetric(float64(longest.Milliseconds()), "ms/longest")
}
