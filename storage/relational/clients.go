package relational

import (
	"bytes"
	"context"
	"errors"
	"time"

	"qiao/storage"
)

const selectClient = `SELECT settings, secret_hash, source, created_at, updated_at FROM clients`

// Client returns a client by its id.
func (s *Store) Client(ctx context.Context, id string) (c storage.Client, err error) {
	err = s.read(ctx, "client", func(tx Tx) (err error) {
		c, err = scanClient(tx.QueryRow(ctx, selectClient+` WHERE id = ?`, id))
		return found(err)
	})
	return c, err
}

// ListClients returns all clients in ID order.
func (s *Store) ListClients(ctx context.Context) (list []storage.Client, err error) {
	err = s.read(ctx, "list clients", func(tx Tx) (err error) {
		list, err = listClients(ctx, tx)
		return err
	})
	return list, err
}

// AddClient adds a client.
func (s *Store) AddClient(ctx context.Context, c storage.Client, by string) error {
	return s.end(ctx, "add client", func(tx Tx) error {
		if err := holdMeta(ctx, tx); err != nil {
			return err
		}
		taken, err := exists(ctx, tx, `SELECT 1 FROM clients WHERE id = ?`, c.ID)
		if err != nil {
			return err
		}
		if taken {
			return storage.ErrConflict
		}
		return errors.Join(insertClient(ctx, tx, c, by, c.CreatedAt), raiseVersion(ctx, tx))
	})
}

// SyncClients makes the clients of the configuration exactly these.
func (s *Store) SyncClients(ctx context.Context, clients []storage.Client, now time.Time) error {
	return s.end(ctx, "sync clients", func(tx Tx) error {
		if err := holdMeta(ctx, tx); err != nil {
			return err
		}
		list, err := listClients(ctx, tx)
		if err != nil {
			return err
		}
		stored := make(map[string]storage.Client, len(list))
		for _, c := range list {
			stored[c.ID] = c
		}
		changed := false
		for _, c := range clients {
			old, there := stored[c.ID]
			delete(stored, c.ID)
			if there && old.Source != "config" {
				return storage.ErrConflict
			}
			c.Source = "config"
			touched, err := syncClient(ctx, tx, c, old, there, now)
			if err != nil {
				return err
			}
			changed = changed || touched
		}
		for id, c := range stored {
			if c.Source != "config" {
				continue
			}
			if err := removeClient(ctx, tx, id, actorSystem, now); err != nil {
				return err
			}
			changed = true
		}
		if !changed {
			return nil
		}
		return raiseVersion(ctx, tx)
	})
}

// syncClient adds or updates one client, and reports whether there was anything to do.
func syncClient(ctx context.Context, tx Tx, c, old storage.Client, there bool, now time.Time) (bool, error) {
	if !there {
		c.CreatedAt, c.UpdatedAt = now, now
		return true, insertClient(ctx, tx, c, actorSystem, now)
	}
	if settings(c) == settings(old) && bytes.Equal(c.SecretHash, old.SecretHash) {
		return false, nil
	}
	err := tx.Do(ctx, `UPDATE clients SET settings = ?, secret_hash = ?, updated_at = ? WHERE id = ?`,
		settings(c), present(c.SecretHash), Micros(now), c.ID)
	return true, err
}

// RotateClientSecret replaces the secret's hash.
func (s *Store) RotateClientSecret(ctx context.Context, id string, secretHash []byte, by string, now time.Time) error {
	return s.write(ctx, "rotate client secret", func(tx Tx) error {
		if err := holdMeta(ctx, tx); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `UPDATE clients SET secret_hash = ?, updated_at = ? WHERE id = ?`, present(secretHash), Micros(now), id)
		if err != nil {
			return err
		}
		if n == 0 {
			return storage.ErrNotFound
		}
		return errors.Join(
			audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "client.rotate", ClientID: id}),
			raiseVersion(ctx, tx))
	})
}

// RemoveClient removes the client and ends all of its grants.
func (s *Store) RemoveClient(ctx context.Context, id string, by string, now time.Time) error {
	return s.end(ctx, "remove client", func(tx Tx) error {
		if err := holdMeta(ctx, tx); err != nil {
			return err
		}
		return errors.Join(removeClient(ctx, tx, id, by, now), raiseVersion(ctx, tx))
	})
}

func removeClient(ctx context.Context, tx Tx, id, by string, now time.Time) error {
	n, err := tx.Exec(ctx, `DELETE FROM clients WHERE id = ?`, id)
	if err != nil {
		return err
	}
	if n == 0 {
		return storage.ErrNotFound
	}
	if err := voidClient(ctx, tx, id, now); err != nil {
		return err
	}
	return audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "client.remove", ClientID: id})
}

// voidClient ends what people have granted to a client, or may be about to on a device.
func voidClient(ctx context.Context, tx Tx, id string, now time.Time) error {
	// Before the grants: an approval that holds one of these devices has made its grant when this statement goes on.
	if err := tx.Do(ctx, `DELETE FROM device_authorizations WHERE client_id = ?`, id); err != nil {
		return err
	}
	if err := distrustClient(ctx, tx, id); err != nil {
		return err
	}
	if err := tx.Do(ctx, revokeClients, Micros(now), id); err != nil {
		return err
	}
	return tx.Do(ctx, `DELETE FROM consents WHERE client_id = ?`, id)
}

// Version counts the changes that servers must reload for.
func (s *Store) Version(ctx context.Context) (version int64, err error) {
	err = s.read(ctx, "version", func(tx Tx) error {
		return tx.QueryRow(ctx, `SELECT version FROM meta WHERE id = 1`).Scan(&version)
	})
	return version, err
}

func listClients(ctx context.Context, tx Tx) (list []storage.Client, err error) {
	err = each(ctx, tx, selectClient+` ORDER BY id`, nil, func(row Row) error {
		c, err := scanClient(row)
		list = append(list, c)
		return err
	})
	return list, err
}

// insertClient adds a client to whom nobody has granted anything. There may have been one of the same id: what was issued
// beside its removal, by a server that had not heard of it, was of no use without a client, and must not be of any again.
func insertClient(ctx context.Context, tx Tx, c storage.Client, by string, now time.Time) error {
	if err := voidClient(ctx, tx, c.ID, now); err != nil {
		return err
	}
	if err := tx.Do(ctx, `INSERT INTO clients (id, source, secret_hash, settings, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)`,
		c.ID, c.Source, present(c.SecretHash), settings(c), Micros(c.CreatedAt), Micros(c.UpdatedAt)); err != nil {
		return err
	}
	return audit(ctx, tx, storage.AuditEntry{At: now, Actor: by, Action: "client.add", ClientID: c.ID})
}

// settings is the column of that name: what has no column of its own.
func settings(c storage.Client) string {
	c.SecretHash, c.CreatedAt, c.UpdatedAt = nil, time.Time{}, time.Time{}
	return encode(c)
}

func scanClient(row Row) (storage.Client, error) {
	var (
		text, source     string
		secretHash       []byte
		created, updated int64
		c                storage.Client
	)
	if err := row.Scan(&text, &secretHash, &source, &created, &updated); err != nil {
		return c, err
	}
	err := decode(text, &c)
	if len(secretHash) > 0 {
		c.SecretHash = secretHash
	}
	c.Source, c.CreatedAt, c.UpdatedAt = source, Time(created), Time(updated)
	return c, err
}
