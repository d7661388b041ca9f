package grants_test

import (
	"log/slog"
	"os"
	"testing"
)

// TestMain silences the library, which logs each refusal to the default logger.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
