package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/server"
)

// configCmd is qiao config.
type configCmd struct {
	Validate configValidateCmd `cmd:"" help:"Name every fault of the configuration at once; connects to nothing."`
	Print    configPrintCmd    `cmd:"" help:"Print the configuration in force, without the secrets."`
}

type configValidateCmd struct{ settings }

// Run validates.
func (cmd configValidateCmd) Run(w out) error {
	c, err := cmd.load()
	if err != nil {
		return err
	}
	for _, line := range append([]string{"The configuration is valid."}, server.Brand(c.Brand).Contrasts()...) {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

type configPrintCmd struct{ settings }

// Run prints.
func (cmd configPrintCmd) Run(w out) error {
	c, err := cmd.load()
	if err != nil {
		return err
	}
	return c.Print(w)
}

// healthCmd is qiao healthcheck.
type healthCmd struct {
	settings
	Address string `placeholder:"HOST:PORT" help:"Address of the management listener; the configured one by default."`
}

// Run asks /readyz. It needs no valid configuration, so that it works in a container that has only the address.
func (cmd healthCmd) Run(ctx context.Context, w out) error {
	address := cmd.Address
	if address == "" {
		c, _ := config.Load(config.Source{File: cmd.File, Environ: environ(), Set: cmd.Set})
		address = c.Management
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not host:port", address)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no answer at %s: is the server running?", address)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: see http://%s/readyz", address)
	}
	_, err = fmt.Fprintln(w, "ready")
	return err
}

// versionCmd is qiao version.
type versionCmd struct{}

// Run prints the version that the build recorded.
func (versionCmd) Run(w out) error {
	version := "(development)"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				version += " " + s.Value
			}
		}
	}
	_, err := fmt.Fprintf(w, "qiao %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
