package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/nyaruka/phonenumbers"

	"qiao/storage"
	"qiao/storage/seal"
	"qiao/ui"
)

// userCmd is qiao user.
type userCmd struct {
	List    userListCmd    `cmd:"" help:"List people, or find one by phone number."`
	Show    userShowCmd    `cmd:"" help:"Show one person with identities, sessions and the latest audit entries, as JSON. Phone numbers are masked."`
	Lock    userLockCmd    `cmd:"" help:"Lock a person: every session and token ends at once, and no new one is issued."`
	Unlock  userUnlockCmd  `cmd:"" help:"Let a locked person log in again."`
	Unbind  userUnbindCmd  `cmd:"" help:"Take a person's phone number and WeChat identities away and end everything; nothing leads to the account then but recover."`
	Recover userRecoverCmd `cmd:"" help:"Give a person who has lost their WeChat the account back, from the one that they made with a new WeChat."`
	Delete  userDeleteCmd  `cmd:"" help:"Delete a person and everything that names them. This cannot be taken back."`
}

type userListCmd struct {
	settings
	Phone    string `help:"Find the person with this number, such as 13800001234 or +85291234567."`
	Username string `help:"Find the person with this username, as their account page shows it."`
	After    string `help:"List after this id."`
	Limit    int    `default:"100" help:"Most rows."`
}

// Run lists users.
func (cmd userListCmd) Run(ctx context.Context, w out) (err error) {
	_, store, box, err := cmd.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	filter := storage.UserFilter{Username: cmd.Username, After: cmd.After, Limit: cmd.Limit}
	if cmd.Phone != "" {
		number, err := phonenumbers.Parse(cmd.Phone, "CN")
		if err != nil {
			return usageError{errors.New("--phone is not a phone number: write it like 13800001234 or +85291234567")}
		}
		index := box.MAC("phone index", []byte(phonenumbers.Format(number, phonenumbers.E164)))
		filter.PhoneIndex = index[:]
	}
	users, err := store.ListUsers(ctx, filter)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tUSERNAME\tPHONE\tCREATED\tSTATE")
	for _, u := range users {
		state := "active"
		if !u.LockedAt.IsZero() {
			state = "locked"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", u.ID, u.Username, maskedPhone(box, u), u.CreatedAt.Format(time.DateOnly), state)
	}
	return table.Flush()
}

// maskedPhone is the phone as an operator sees it.
func maskedPhone(box *seal.Box, u storage.User) string {
	if len(u.PhoneSealed) == 0 {
		return "none"
	}
	phone, err := box.Open("phone", u.PhoneSealed)
	if err != nil {
		return "sealed under another key"
	}
	return ui.MaskPhone(string(phone))
}

type userShowCmd struct {
	settings
	ID string `arg:"" name:"user-id" help:"As qiao user list shows it."`
}

// Run shows a user.
func (cmd userShowCmd) Run(ctx context.Context, w out) (err error) {
	_, store, box, err := cmd.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	u, err := store.User(ctx, cmd.ID)
	if err != nil {
		return about("user", cmd.ID, err)
	}
	identities, err := store.Identities(ctx, u.ID)
	if err != nil {
		return err
	}
	sessions, err := store.UserSessions(ctx, u.ID, time.Now())
	if err != nil {
		return err
	}
	audit, err := store.ListAudit(ctx, u.ID, 20)
	if err != nil {
		return err
	}
	view := map[string]any{
		"id": u.ID, "username": u.Username, "name": u.Name, "phone": maskedPhone(box, u), "groups": append([]string{}, u.Groups...),
		"created_at": u.CreatedAt, "locked": !u.LockedAt.IsZero(),
	}
	var rows []map[string]any
	for _, i := range identities {
		rows = append(rows, map[string]any{"account": i.Account, "openid": i.OpenID, "unionid": i.UnionID, "followed": i.Followed})
	}
	view["identities"], rows = rows, nil
	for _, s := range sessions {
		rows = append(rows, map[string]any{"sid": s.ID.String(), "device": s.Device, "auth_time": s.AuthTime, "last_seen": s.LastSeenAt})
	}
	view["sessions"], rows = rows, nil
	for _, e := range audit {
		rows = append(rows, map[string]any{
			"at": e.At, "actor": e.Actor, "action": e.Action, "client_id": e.ClientID, "account": e.Account, "detail": e.Detail,
		})
	}
	view["audit"] = rows
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(view)
}

// change runs one transition on a user and says what it did.
func (s settings) change(ctx context.Context, w out, id, done string, transition func(storage.Store) error) (err error) {
	_, store, _, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	if err := transition(store); err != nil {
		return about("user", id, err)
	}
	_, err = fmt.Fprintf(w, "%s: %s\n", id, done)
	return err
}

type userLockCmd struct {
	settings
	ID string `arg:"" name:"user-id" help:"As qiao user list shows it."`
}

// Run locks the user.
func (cmd userLockCmd) Run(ctx context.Context, w out) error {
	return cmd.change(ctx, w, cmd.ID, "locked; every session and token has ended", func(s storage.Store) error {
		return s.LockUser(ctx, cmd.ID, operator(), time.Now())
	})
}

type userUnlockCmd struct {
	settings
	ID string `arg:"" name:"user-id" help:"As qiao user list shows it."`
}

// Run unlocks the user.
func (cmd userUnlockCmd) Run(ctx context.Context, w out) error {
	return cmd.change(ctx, w, cmd.ID, "unlocked; the person can log in again", func(s storage.Store) error {
		return s.UnlockUser(ctx, cmd.ID, operator(), time.Now())
	})
}

type userUnbindCmd struct {
	settings
	ID string `arg:"" name:"user-id" help:"As qiao user list shows it."`
}

// Run unbinds the user.
func (cmd userUnbindCmd) Run(ctx context.Context, w out) error {
	return cmd.change(ctx, w, cmd.ID, "unbound; every session and token has ended", func(s storage.Store) error {
		return s.UnbindUser(ctx, cmd.ID, operator(), time.Now())
	})
}

type userRecoverCmd struct {
	settings
	ID   string `arg:"" name:"user-id" help:"The account to recover."`
	From string `required:"" help:"The account that the same person has made with their new WeChat. Its WeChat and number move, and it is deleted."`
	Yes  bool   `help:"Do it: without this flag nothing is changed. Be sure who the person is: whoever holds the new WeChat has the account."`
}

// Run recovers the user.
func (cmd userRecoverCmd) Run(ctx context.Context, w out) error {
	if !cmd.Yes {
		return usageError{errors.New("recovering cannot be taken back, and gives the account to whoever holds the new WeChat: repeat with --yes")}
	}
	return cmd.change(ctx, w, cmd.ID, "recovered; the new WeChat and its number lead to it, everything is signed out", func(s storage.Store) error {
		if _, err := s.User(ctx, cmd.From); errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("--from: there is no user %q: `qiao user list` names them", cmd.From)
		}
		err := s.RecoverUser(ctx, cmd.ID, cmd.From, operator(), time.Now())
		switch {
		case errors.Is(err, storage.ErrLocked):
			return errors.New("one of the two accounts is locked: unlock it first, if it may be recovered")
		case errors.Is(err, storage.ErrConflict):
			return errors.New("--from must be another account, with a WeChat: let the person sign in with their new one first")
		}
		return err
	})
}

type userDeleteCmd struct {
	settings
	ID  string `arg:"" name:"user-id" help:"As qiao user list shows it."`
	Yes bool   `help:"Do it: without this flag nothing is deleted."`
}

// Run deletes the user.
func (cmd userDeleteCmd) Run(ctx context.Context, w out) error {
	if !cmd.Yes {
		return usageError{errors.New("deleting cannot be taken back: repeat with --yes")}
	}
	return cmd.change(ctx, w, cmd.ID, "deleted", func(s storage.Store) error {
		return s.DeleteUser(ctx, cmd.ID, operator(), time.Now())
	})
}
