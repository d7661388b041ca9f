package server_test

import (
	"log/slog"
	"os"
	"testing"

	driver "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// TestMain keeps what the libraries log by themselves out of the tests' output.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	driver.SetLogger(&logging.VoidLogger{})
	os.Exit(m.Run())
}
