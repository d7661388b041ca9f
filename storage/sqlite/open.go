package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"qiao/storage"
	"qiao/storage/relational"
)

// Config says which file to open, and how.
type Config struct {
	Path string // its folder must exist
	// Shared opens the file beside a server, for a command: without it, a file that a server has open is refused.
	Shared bool
	// MaxPageCount stops the file from growing beyond so many pages; 0 leaves it to the disk.
	MaxPageCount int
	Now          func() time.Time // nil: time.Now
	Log          *slog.Logger     // nil: no log
}

// ErrInUse: a server has the file open.
var ErrInUse = errors.New("another server has this database open")

// Store is the store in one file.
type Store struct {
	*relational.Store
	db      *database
	lock    *fileLock // nil where the store is shared
	version int64     // of the schema
	now     func() time.Time
}

var _ storage.Store = (*Store)(nil)

// Open opens the file, made now where there is none, and brings its schema up to date.
func Open(ctx context.Context, c Config) (*Store, error) {
	s, err := open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open sqlite database %s: %w", c.Path, err)
	}
	return s, nil
}

func open(ctx context.Context, c Config) (*Store, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Path == "" {
		return nil, errors.New("no path is given")
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	s := &Store{now: c.Now}
	if !c.Shared {
		if s.lock, err = takeLock(path + ".lock"); err != nil {
			return nil, err
		}
	}
	if s.version, err = migrate(ctx, path, s.lock, c.Log); err != nil {
		return nil, errors.Join(err, s.lock.release())
	}
	if s.db, err = openDatabase(ctx, path, c.MaxPageCount); err != nil {
		return nil, errors.Join(err, s.lock.release())
	}
	s.Store = &relational.Store{DB: s.db}
	return s, nil
}

// create makes a new file that only its owner can read. An existing one is left alone: to close it here would drop the
// locks that another connection of this process has on it.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// dataSource is the connection string of a file. The pragmas are those of every connection; more are added to them.
func dataSource(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{
		"busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)", "temp_store(memory)",
	}, pragmas...)}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String()
}

func maxPages(n int) []string {
	if n <= 0 {
		return nil
	}
	return []string{"max_page_count(" + strconv.Itoa(n) + ")"}
}

// Health tells the schema's version and, as the file has no clock of its own, the program's.
func (s *Store) Health(ctx context.Context) (storage.Health, error) {
	h := storage.Health{Now: s.now(), SchemaVersion: s.version, WantVersion: s.version}
	err := s.db.Read(ctx, func(tx relational.Tx) error {
		return tx.QueryRow(ctx, `SELECT MAX(version_id) FROM goose_db_version`).Scan(&h.SchemaVersion)
	})
	if err != nil {
		return h, fmt.Errorf("health: %w", err)
	}
	return h, nil
}

// Close waits for what is under way, and gives the file free.
func (s *Store) Close() error {
	return errors.Join(s.db.close(), s.lock.release())
}
