// Command qiao is an OpenID Provider whose login is WeChat.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	Demo    demoCmd    `cmd:"" help:"Run everything on this machine with a simulated WeChat: the provider, a phone on the screen and a site to sign in to."`
	Serve   serveCmd   `cmd:"" help:"Run the provider."`
	Migrate migrateCmd `cmd:"" help:"Bring the PostgreSQL schema up to date, or show where it stands."`
	Client  clientCmd  `cmd:"" help:"Relying parties: add, list, show, remove, rotate their secret."`
	User    userCmd    `cmd:"" help:"People: list, show, lock, unlock, unbind, delete."`
	Keys    keysCmd    `cmd:"" help:"Signing keys: list, rotate, revoke."`
	TV      tvCmd      `cmd:"" name:"tv" help:"Sign this terminal in as a TV would be: the device grant, for those who write TV apps."`
	Config  configCmd  `cmd:"" help:"Check or print the configuration."`
	Health  healthCmd  `cmd:"" name:"healthcheck" help:"Ask a running server whether it is ready; for containers."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// out is where commands print.
type out struct{ io.Writer }

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run parses and runs one command line.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once

	var cli commands
	exited := -1
	parser, err := kong.New(&cli,
		kong.Name("qiao"),
		kong.Description("桥 Qiao: an OpenID Provider whose login is WeChat.\n\nStart with `qiao demo`. For a real account, write a qiao.yaml (docs/config.md), check it with `qiao config validate` and run `qiao serve`."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(out{stdout}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "qiao:", err)
		return exitFailure
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintln(stderr, "qiao:", err)
		fmt.Fprintln(stderr, "Run `qiao --help`, or `qiao COMMAND --help`, to see what it takes.")
		return exitUsage
	}
	if err := parsed.Run(); err != nil {
		return report(stderr, err)
	}
	return 0
}
