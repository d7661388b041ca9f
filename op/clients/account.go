package clients

import (
	"context"

	"qiao/storage"
)

// AccountPage is the client that a login for the account page names. It is none: Validate refuses its id, Client does not
// know it, and so it cannot be registered, authorized or authenticated. Pages show it by Shown.
const AccountPage = "urn:qiao:account"

// Shown is Client for who only shows it to a person: it knows the account page too.
func (r *Registry) Shown(ctx context.Context, id string) (storage.Client, error) {
	if id == AccountPage {
		name := r.cfg.Brand
		if name == "" {
			name = "Qiao"
		}
		return storage.Client{ID: AccountPage, Name: name, FirstParty: true}, nil
	}
	return r.Client(ctx, id)
}
