package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"qiao/cmd/qiao/config"
	"qiao/storage"
)

// Exit codes of the commands.
const (
	exitFailure  = 1 // it was tried and failed
	exitUsage    = 2 // the command line is wrong
	exitConfig   = 3 // the configuration is wrong
	exitNotFound = 4 // there is no such client, user or key
)

// usageError is a command line that is well formed and still wrong.
type usageError struct{ error }

// notFound names what a command was asked for and is not there.
type notFound struct{ kind, id, list string }

func (e notFound) Error() string {
	return fmt.Sprintf("there is no %s %q: `%s` shows those that there are", e.kind, e.id, e.list)
}

func (notFound) Unwrap() error { return storage.ErrNotFound }

// about says which client, user or key an error of the store is about.
func about(kind, id string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrNotFound):
		return notFound{kind, id, map[string]string{"client": "qiao client list", "user": "qiao user list", "signing key": "qiao keys list"}[kind]}
	}
	return fmt.Errorf("%s %q: %w", kind, id, err)
}

// report prints why a command has failed, and returns its exit code.
func report(w io.Writer, err error) int {
	var faults config.Faults
	var usage usageError
	code := exitFailure
	switch {
	case errors.As(err, &faults):
		fmt.Fprintf(w, "The configuration has %d fault(s):\n", len(faults))
		for _, f := range faults {
			fmt.Fprintln(w, "  -", f)
		}
		return exitConfig
	case errors.As(err, &usage):
		code = exitUsage
	case errors.Is(err, storage.ErrNotFound):
		code = exitNotFound
	}
	first, more, several := strings.Cut(err.Error(), "\n")
	fmt.Fprintln(w, "qiao:", first)
	if several {
		fmt.Fprintln(w, "      "+strings.ReplaceAll(more, "\n", "\n      "))
	}
	return code
}
