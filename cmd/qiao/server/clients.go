package server

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"qiao/cmd/qiao/config"
	"qiao/op/clients"
	"qiao/storage"
	"qiao/storage/seal"
)

// SourceConfig marks clients that the configuration owns.
const SourceConfig = "config"

// Registrations turns the configured clients into registrations, and reports every fault at once.
func Registrations(c config.Config, box *seal.Box, now time.Time) ([]storage.Client, error) {
	var all []storage.Client
	var faults []error
	for i, cc := range c.Clients {
		client := Registration(cc, SourceConfig, now)
		if !cc.Public {
			client.SecretHash = clients.HashSecret(box, cc.Secret)
		}
		if err := clients.Validate(client); err != nil {
			faults = append(faults, fmt.Errorf("clients[%d] (%s): %w", i, cc.ID, err))
		}
		if known := slices.ContainsFunc(c.WeChat.Accounts, func(a config.Account) bool { return a.Name == cc.Account }); cc.Account != "" && !known {
			faults = append(faults, fmt.Errorf("clients[%d] (%s): wechat_account %q is not configured", i, cc.ID, cc.Account))
		}
		all = append(all, client)
	}
	return all, errors.Join(faults...)
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
		GrantTypes: cc.GrantTypes, Scopes: scopes, FirstParty: cc.FirstParty, Native: cc.Native,
		RequirePKCE: cc.RequirePKCE || cc.Public, IDTokenAlg: cc.IDTokenAlg, LeanIDToken: cc.LeanIDToken,
		EmailDomain: cc.EmailDomain, Account: cc.Account, LogoURI: cc.LogoURI, PolicyURI: cc.PolicyURI, TOSURI: cc.TOSURI,
		Source: source, CreatedAt: now, UpdatedAt: now,
	}
}
