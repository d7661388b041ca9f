package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strings"

	driver "github.com/redis/go-redis/v9"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/server"
	"qiao/storage"
	"qiao/storage/seal"
)

// settings are the flags of every command that reads the configuration.
type settings struct {
	File string            `name:"config" short:"c" env:"QIAO_CONFIG" placeholder:"FILE" help:"The configuration (YAML)."`
	Set  map[string]string `placeholder:"PATH=VALUE" mapsep:"none" help:"Set one setting over the file and the environment, such as --set lifetimes.code=30s. May be repeated."`
}

// environ is the environment without the variables that are no settings.
func environ() []string {
	var kept []string
	for _, kv := range config.Environ() {
		if !strings.HasPrefix(kv, "QIAO_CONFIG=") {
			kept = append(kept, kv)
		}
	}
	return kept
}

func (s settings) load() (config.Config, error) {
	return config.Load(config.Source{File: s.File, Environ: environ(), Set: s.Set, Check: server.CheckParts})
}

// open loads the configuration and opens the store beside a server that may be running.
func (s settings) open(ctx context.Context) (config.Config, storage.Store, *seal.Box, error) {
	c, err := s.load()
	if err != nil {
		return c, nil, nil, err
	}
	keys, err := c.MasterKeys()
	if err != nil {
		return c, nil, nil, err
	}
	box, err := seal.New(keys...)
	if err != nil {
		return c, nil, nil, err
	}
	store, err := server.OpenStore(ctx, c, false, newLog(config.Log{Level: "warn", Format: "text"}, os.Stderr))
	return c, store, box, err
}

// newLog makes the logger that the configuration asks for.
func newLog(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // validated before
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// serverLog is the log of a server. It becomes the process's: the protocol library logs there and nowhere else.
func serverLog(c config.Log) *slog.Logger {
	log := newLog(c, os.Stderr)
	slog.SetDefault(log)
	driver.SetLogger(redisLog{log})
	return log
}

// redisLog takes what the Redis driver says by itself: each of its failures is somebody's error too, who logs it.
type redisLog struct{ log *slog.Logger }

// Printf implements the driver's logger.
func (l redisLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.DebugContext(ctx, "redis driver", "said", fmt.Sprintf(format, v...))
}

// operator names who runs a command, for the audit log.
func operator() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "cli:" + u.Username
	}
	return "cli"
}

// closing closes the store and keeps the first error.
func closing(store storage.Store, err *error) {
	*err = errors.Join(*err, store.Close())
}
