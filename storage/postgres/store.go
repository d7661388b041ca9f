package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"qiao/storage"
	"qiao/storage/relational"
)

// Config says which database to use and how.
type Config struct {
	DSN      string // a URL or key=value words, as libpq takes them
	MaxConns int32  // of this process; zero is 16, which is plenty for two cores
	// Timeout bounds every transition, the wait for a connection included; zero is 5 s.
	Timeout time.Duration
	// EndTimeout bounds those that end grants, such as a lock; zero is 30 s, or Timeout where that is longer.
	EndTimeout time.Duration
	Log        *slog.Logger // nil is slog.Default
}

// defaults of Config.
const (
	defaultMaxConns   = 16
	defaultTimeout    = 5 * time.Second
	defaultEndTimeout = 30 * time.Second
)

// Store is the record on PostgreSQL.
type Store struct {
	*relational.Store
	db   *database
	want int64
}

var _ storage.Store = (*Store)(nil)

// Open connects, and fails when the database does not answer, or has another schema than this program's.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.MaxConns <= 0 {
		c.MaxConns = defaultMaxConns
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.EndTimeout <= 0 {
		c.EndTimeout = max(defaultEndTimeout, c.Timeout)
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	options, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("open postgresql: %w", badDSN(err))
	}
	configure(options, c)
	want, err := wantVersion()
	if err != nil {
		return nil, fmt.Errorf("open postgresql: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("open postgresql: %w", err)
	}
	db := &database{pool: pool, timeout: c.Timeout, endTimeout: c.EndTimeout, log: c.Log}
	s := &Store{Store: &relational.Store{DB: db}, db: db, want: want}
	if err := s.checkSchema(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open postgresql: %w", err)
	}
	return s, nil
}

// configure sets what the transitions rely on. An operator's own connect_timeout and the like stay.
func configure(options *pgxpool.Config, c Config) {
	options.MaxConns = c.MaxConns
	options.MaxConnIdleTime = 5 * time.Minute
	options.MaxConnLifetimeJitter = 5 * time.Minute
	options.PingTimeout = c.Timeout
	if options.ConnConfig.ConnectTimeout == 0 {
		options.ConnConfig.ConnectTimeout = c.Timeout
	}
	for name, value := range map[string]string{
		"application_name":              "qiao",
		"default_transaction_isolation": "read committed",
		"timezone":                      "UTC",
		// A statement that is still waiting when its caller is gone, and a transaction whose process has died without a
		// word, must not hold rows for long.
		"statement_timeout":                   fmt.Sprint(serverTimeout(c.Timeout)),
		"idle_in_transaction_session_timeout": fmt.Sprint(2 * c.Timeout.Milliseconds()),
	} {
		options.ConnConfig.RuntimeParams[name] = value
	}
}

// serverTimeout is when the server gives up, in milliseconds: after its caller has.
func serverTimeout(deadline time.Duration) int64 { return 2 * deadline.Milliseconds() }

// Health asks for the database's clock and schema.
func (s *Store) Health(ctx context.Context) (storage.Health, error) {
	h := storage.Health{WantVersion: s.want}
	err := s.db.one(ctx, func(ctx context.Context) error {
		var micros int64
		err := s.db.pool.QueryRow(ctx, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, coalesce(max(version_id), 0) FROM goose_db_version`).
			Scan(&micros, &h.SchemaVersion)
		h.Now = relational.Time(micros)
		return err
	})
	if err != nil {
		return storage.Health{}, fmt.Errorf("health: %w", err)
	}
	return h, nil
}

// Close waits for what is under way and closes the connections. Twice is once.
func (s *Store) Close() error {
	s.db.pool.Close()
	return nil
}
