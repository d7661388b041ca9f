package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/server"
)

// keysCmd is qiao keys.
type keysCmd struct {
	List   keysListCmd   `cmd:"" help:"List the signing keys: next, active, retired."`
	Rotate keysRotateCmd `cmd:"" help:"Publish a new key for each algorithm; it signs one key_publish later, and the old one stays published until its last token has ended."`
	Revoke keysRevokeCmd `cmd:"" help:"Remove a key at once: everything it signed is void. For a key that leaked."`
}

type keysListCmd struct{ settings }

// Run lists the keys.
func (cmd keysListCmd) Run(ctx context.Context, w out) (err error) {
	_, store, _, err := cmd.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	now := time.Now()
	keys, err := store.SigningKeys(ctx, now)
	if err != nil {
		return err
	}
	active := map[string]string{}
	for _, k := range keys {
		if !k.ActiveAt.After(now) {
			active[k.Alg] = k.ID
		}
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "KID\tALG\tSTATE\tACTIVE FROM\tPUBLISHED UNTIL")
	for _, k := range keys {
		state, until := "retired", "-"
		switch {
		case k.ActiveAt.After(now):
			state = "next"
		case active[k.Alg] == k.ID:
			state = "active"
		}
		if !k.ExpiresAt.IsZero() {
			until = k.ExpiresAt.Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Alg, state, k.ActiveAt.Format(time.RFC3339), until)
	}
	return table.Flush()
}

type keysRotateCmd struct{ settings }

// Run adds the next keys.
func (cmd keysRotateCmd) Run(ctx context.Context, w out) (err error) {
	c, store, box, err := cmd.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	ring, err := server.OpenRing(ctx, c, store, box, newLog(config.Log{Level: "warn", Format: "text"}, os.Stderr))
	if err != nil {
		return err
	}
	if err := ring.Rotate(ctx, operator()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "new keys are published; they sign in %s\n", c.Lifetimes.KeyPublish)
	return err
}

type keysRevokeCmd struct {
	settings
	KID string `arg:"" name:"kid" help:"As qiao keys list shows it."`
}

// Run revokes a key.
func (cmd keysRevokeCmd) Run(ctx context.Context, w out) (err error) {
	c, store, box, err := cmd.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	ring, err := server.OpenRing(ctx, c, store, box, newLog(config.Log{Level: "warn", Format: "text"}, os.Stderr))
	if err != nil {
		return err
	}
	if err := ring.Revoke(ctx, cmd.KID, operator()); err != nil {
		return about("signing key", cmd.KID, err)
	}
	_, err = fmt.Fprintln(w, "revoked; relying parties notice when their copy of the key set ends")
	return err
}
