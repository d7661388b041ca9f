package server

import (
	"slices"
	"time"

	"qiao/cmd/qiao/config"
	"qiao/op/clients"
	"qiao/storage"
	"qiao/storage/seal"
)

// SourceConfig marks clients that the configuration owns.
const SourceConfig = "config"

// Registrations turns the configured clients, which were checked, into registrations.
func Registrations(c config.Config, box *seal.Box, now time.Time) []storage.Client {
	all := make([]storage.Client, len(c.Clients))
	for i, cc := range c.Clients {
		all[i] = Registration(cc, SourceConfig, now)
		if !cc.Public {
			all[i].SecretHash = clients.HashSecret(box, cc.Secret)
		}
	}
	return all
}

// Registration is the registration of a configured client, without its secret.
func Registration(cc config.Client, source string, now time.Time) storage.Client {
	methods := []string{storage.AuthMethodBasic, storage.AuthMethodPost}
	if cc.Public {
		methods = []string{storage.AuthMethodNone}
	}
	name := cc.Name
	if name == "" {
		name = cc.ID
	}
	scopes := cc.Scopes
	if !slices.Contains(scopes, "openid") {
		scopes = append([]string{"openid"}, scopes...)
	}
	return storage.Client{
		ID: cc.ID, Name: name, AuthMethods: methods,
		RedirectURIs: cc.RedirectURIs, PostLogoutRedirectURIs: cc.PostLogoutRedirectURIs,
		GrantTypes: cc.GrantTypes, Scopes: scopes, FirstParty: cc.FirstParty, AlwaysConfirm: cc.AlwaysConfirm, Native: cc.Native,
		RequirePKCE: cc.RequirePKCE || cc.Public, IDTokenAlg: cc.IDTokenAlg, LeanIDToken: cc.LeanIDToken,
		EmailDomain: cc.EmailDomain, Account: cc.Account, LogoURI: cc.LogoURI, PolicyURI: cc.PolicyURI, TOSURI: cc.TOSURI,
		Source: source, CreatedAt: now, UpdatedAt: now,
	}
}
