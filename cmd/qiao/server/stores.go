package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"qiao/cmd/qiao/config"
	"qiao/storage"
	"qiao/storage/memory"
	"qiao/storage/postgres"
	"qiao/storage/redis"
	"qiao/storage/sqlite"
)

// OpenStore opens the durable store. server is set by a process that serves: SQLite takes only one of them.
func OpenStore(ctx context.Context, c config.Config, server bool, log *slog.Logger) (storage.Store, error) {
	switch c.Storage {
	case "postgres":
		store, err := postgres.Open(ctx, postgres.Config{DSN: c.Postgres.DSN, MaxConns: int32(c.Postgres.MaxConns)})
		if err != nil {
			return nil, fmt.Errorf("open PostgreSQL: %w", err)
		}
		return store, nil
	default:
		store, err := sqlite.Open(ctx, sqlite.Config{
			Path: c.SQLite.Path, Shared: !server, MaxPageCount: c.SQLite.MaxPageCount, Now: time.Now, Log: log,
		})
		if err != nil {
			return nil, fmt.Errorf("open SQLite: %w", err)
		}
		return store, nil
	}
}

// openSignals opens the signals; Redis that does not answer is an error, never a reason to fall back to memory.
func openSignals(ctx context.Context, c config.Config, log *slog.Logger) (storage.Signals, error) {
	if c.Signals == "memory" {
		return memory.New(), nil
	}
	signals, err := redis.Open(ctx, redis.Config{URL: c.Redis.URL, Prefix: c.Redis.Prefix, Log: log})
	if err != nil {
		return nil, fmt.Errorf("open Redis: %w", err)
	}
	return signals, nil
}

// mark claims the database for production or the demo.
func mark(ctx context.Context, store storage.Store, mode string) error {
	err := store.Mark(ctx, mode)
	if errors.Is(err, storage.ErrConflict) {
		other := map[string]string{storage.ModeDemo: "qiao serve", storage.ModeProduction: "qiao demo"}[mode]
		return fmt.Errorf("this database belongs to `%s`: give this command a database of its own", other)
	}
	return err
}
