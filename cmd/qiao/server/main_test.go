package server_test

import (
	"log/slog"
	"os"
	"testing"
)

// TestMain keeps the refusals that the protocol library logs by itself out of the tests' output.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
