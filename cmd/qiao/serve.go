package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/server"
	"qiao/storage"
	"qiao/storage/postgres"
)

// heapGrowth is by how many percent a heap of so many bytes grows before it is collected. It is little here, a few MiB, and
// Go's default of 100 would collect all the time. One that is large is connections that live long, of browsers that wait,
// and what it grows by is memory that each of them costs; less than half, and a scan waits too often for a collection. GOGC
// in the environment decides otherwise.
func heapGrowth(live uint64) int {
	if live <= 24<<20 {
		return 400
	}
	return 50
}

// watchHeap decides anew every second, until ctx ends.
func watchHeap(ctx context.Context) {
	percent := heapGrowth(0)
	debug.SetGCPercent(percent)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		metrics.Read(live)
		if want := heapGrowth(live[0].Value.Uint64()); want != percent { // each change stops the world for a moment
			percent = want
			debug.SetGCPercent(want)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// serveCmd is qiao serve.
type serveCmd struct {
	settings
	Issuer string `placeholder:"URL" help:"Over the configured issuer."`
	Listen string `placeholder:"HOST:PORT" help:"Over the configured listen."`
}

// Run serves until the process is told to stop.
func (cmd serveCmd) Run(ctx context.Context) error {
	set := map[string]string{}
	for path, value := range cmd.Set {
		set[path] = value
	}
	if cmd.Issuer != "" {
		set["issuer"] = cmd.Issuer
	}
	if cmd.Listen != "" {
		set["listen"] = cmd.Listen
	}
	c, err := settings{File: cmd.File, Set: set}.load()
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		ctx, cancel := context.WithCancel(ctx)
		var watching sync.WaitGroup
		watching.Go(func() { watchHeap(ctx) })
		defer watching.Wait()
		defer cancel()
	}
	return server.Run(ctx, server.Options{Config: c, Mode: storage.ModeProduction, Log: serverLog(c.Log)})
}

// migrateCmd is qiao migrate.
type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply what is missing. Safe beside running servers and other migrations."`
	Status migrateStatusCmd `cmd:"" help:"Show the schema's version and this program's."`
}

type migrateUpCmd struct{ settings }

// Run applies the migrations.
func (cmd migrateUpCmd) Run(ctx context.Context, w out) error {
	c, err := cmd.load()
	if err != nil {
		return err
	}
	if c.Storage != "postgres" {
		_, err := fmt.Fprintln(w, "SQLite needs no migration: the server brings its file up to date when it starts.")
		return err
	}
	if err := postgres.Migrate(ctx, c.Postgres.DSN); err != nil {
		return err
	}
	return printStatus(ctx, c, w)
}

type migrateStatusCmd struct{ settings }

// Run prints where the schema stands.
func (cmd migrateStatusCmd) Run(ctx context.Context, w out) error {
	c, err := cmd.load()
	if err != nil {
		return err
	}
	if c.Storage != "postgres" {
		_, err := fmt.Fprintln(w, "SQLite needs no migration: the server brings its file up to date when it starts.")
		return err
	}
	return printStatus(ctx, c, w)
}

func printStatus(ctx context.Context, c config.Config, w out) error {
	have, want, err := postgres.Status(ctx, c.Postgres.DSN)
	if err != nil {
		return err
	}
	word := "up to date"
	switch {
	case have < want:
		word = "behind: run qiao migrate up"
	case have > want:
		word = "newer than this program: install the newer qiao"
	}
	_, err = fmt.Fprintf(w, "schema %d, program %d: %s\n", have, want, word)
	return err
}
