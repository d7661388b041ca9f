package clients

import (
	"context"

	"qiao/storage"
)

// AccountPage is the client that a login for the account page names. Validate refuses its id, and Client does not know it.
// Pages show it by Shown.
const AccountPage = storage.AccountClient

// Shown is Client for who only shows it to a person: it knows our own pages too.
func (r *Registry) Shown(ctx context.Context, id string) (storage.Client, error) {
	if storage.OwnPage(id) {
		name := r.cfg.Brand
		if name == "" {
			name = "Qiao"
		}
		return storage.Client{ID: id, Name: name, FirstParty: true}, nil
	}
	return r.Client(ctx, id)
}
