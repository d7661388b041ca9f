package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"qiao/cmd/qiao/config"
	"qiao/cmd/qiao/server"
	"qiao/op/clients"
	"qiao/storage"
)

// clientCmd is qiao client.
type clientCmd struct {
	Add    clientAddCmd    `cmd:"" help:"Register a relying party; prints its secret once."`
	List   clientListCmd   `cmd:"" help:"List the relying parties."`
	Show   clientShowCmd   `cmd:"" help:"Show one, as JSON."`
	Remove clientRemoveCmd `cmd:"" help:"Remove one; everything issued to it ends at once."`
	Rotate clientRotateCmd `cmd:"" name:"rotate-secret" help:"Give one a new secret; the old one ends at once."`
}

type clientAddCmd struct {
	settings
	ID            string   `arg:"" name:"client-id" help:"The client_id: 1 to 128 of a-z, A-Z, 0-9, '.', '_' and '-', a letter or digit first."`
	Name          string   `help:"Name as people see it."`
	RedirectURI   []string `name:"redirect-uri" sep:"none" help:"Exact redirect URI. May be repeated."`
	Device        bool     `help:"A TV, or another device without a browser: it shows a code (RFC 8628) and needs no redirect URI."`
	PostLogout    []string `name:"post-logout-redirect-uri" sep:"none" help:"Exact URI to return to after a logout. May be repeated."`
	Scope         []string `default:"openid,profile,phone" help:"Scopes that it may ask for."`
	Public        bool     `help:"No secret; PKCE proves it. For apps and pages without a server."`
	Native        bool     `help:"An installed app: any port of a registered loopback redirect URI matches."`
	FirstParty    bool     `name:"first-party" help:"The company's own: no consent is asked."`
	AlwaysConfirm bool     `name:"always-confirm" help:"Every login takes the number: none by the scan alone."`
	Refresh       bool     `help:"It may use refresh tokens."`
	RequirePKCE   bool     `name:"require-pkce" help:"Refuse requests without PKCE."`
	RS256         bool     `name:"rs256" help:"Sign its ID tokens with RS256 instead of ES256."`
	LeanIDToken   bool     `name:"lean-id-token" help:"Leave profile and phone claims to userinfo."`
	Account       string   `help:"The Official Account that its logins scan."`
	EmailDomain   string   `name:"email-domain" help:"Give an email <sub>@DOMAIN, for products that fail without one."`
	OutputAsJSON  bool     `name:"json" help:"Print JSON."`
}

// Run adds the client.
func (cmd clientAddCmd) Run(ctx context.Context, w out) (err error) {
	c, store, box, err := cmd.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	var grants []string
	if len(cmd.RedirectURI) > 0 || !cmd.Device {
		grants = append(grants, clients.GrantAuthorizationCode)
	}
	if cmd.Device {
		grants = append(grants, clients.GrantDeviceCode)
	}
	alg := "ES256"
	if cmd.Refresh {
		grants = append(grants, clients.GrantRefreshToken)
	}
	if cmd.RS256 {
		alg = "RS256"
	}
	client := server.Registration(config.Client{
		ID: cmd.ID, Name: cmd.Name, Public: cmd.Public, RedirectURIs: cmd.RedirectURI, PostLogoutRedirectURIs: cmd.PostLogout,
		GrantTypes: grants, Scopes: cmd.Scope, FirstParty: cmd.FirstParty, AlwaysConfirm: cmd.AlwaysConfirm, Native: cmd.Native, RequirePKCE: cmd.RequirePKCE,
		IDTokenAlg: alg, LeanIDToken: cmd.LeanIDToken, EmailDomain: cmd.EmailDomain, Account: cmd.Account,
	}, "cli", time.Now())
	secret := ""
	if !cmd.Public {
		secret, client.SecretHash = clients.NewSecret(box)
	}
	if err := server.CheckRegistration(c, client); err != nil {
		return usageError{err}
	}
	if err := store.AddClient(ctx, client, operator()); err != nil {
		if errors.Is(err, storage.ErrConflict) {
			return fmt.Errorf("there is a client %q already: choose another id, or remove it first", cmd.ID)
		}
		return err
	}
	if cmd.OutputAsJSON {
		return json.NewEncoder(w).Encode(map[string]any{"issuer": c.Issuer, "client_id": cmd.ID, "client_secret": secret})
	}
	fmt.Fprintf(w, "issuer         %s\nclient_id      %s\n", c.Issuer, cmd.ID)
	if secret != "" {
		fmt.Fprintf(w, "client_secret  %s\n\nThe secret is shown this once: keep it where the site keeps its secrets.\n", secret)
	}
	return nil
}

type clientListCmd struct {
	settings
	OutputAsJSON bool `name:"json" help:"Print JSON."`
}

// Run lists the clients.
func (cmd clientListCmd) Run(ctx context.Context, w out) (err error) {
	_, store, _, err := cmd.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	all, err := store.ListClients(ctx)
	if err != nil {
		return err
	}
	if cmd.OutputAsJSON {
		for i := range all {
			all[i].SecretHash = nil
		}
		return json.NewEncoder(w).Encode(all)
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "CLIENT ID\tKIND\tGRANTS\tSOURCE\tNAME") // names last: their characters are not all of one width
	for _, c := range all {
		kind := "confidential"
		if c.Public() {
			kind = "public"
		}
		if c.FirstParty {
			kind += ", first party"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", c.ID, kind, strings.Join(c.GrantTypes, " "), c.Source, c.Name)
	}
	return table.Flush()
}

type clientShowCmd struct {
	settings
	ID string `arg:"" name:"client-id" help:"As qiao client list shows it."`
}

// Run shows one client without the hash of its secret.
func (cmd clientShowCmd) Run(ctx context.Context, w out) (err error) {
	_, store, _, err := cmd.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	client, err := store.Client(ctx, cmd.ID)
	if err != nil {
		return about("client", cmd.ID, err)
	}
	client.SecretHash = nil
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(client)
}

type clientRemoveCmd struct {
	settings
	ID string `arg:"" name:"client-id" help:"As qiao client list shows it."`
}

// Run removes the client.
func (cmd clientRemoveCmd) Run(ctx context.Context, w out) (err error) {
	_, store, _, err := cmd.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	client, err := store.Client(ctx, cmd.ID)
	if err != nil {
		return about("client", cmd.ID, err)
	}
	if client.Source == server.SourceConfig {
		return fmt.Errorf("client %q is owned by the configuration: remove it there, or it comes back at the next start", cmd.ID)
	}
	if err := store.RemoveClient(ctx, cmd.ID, operator(), time.Now()); err != nil {
		return about("client", cmd.ID, err)
	}
	_, err = fmt.Fprintf(w, "removed %s; everything issued to it has ended\n", cmd.ID)
	return err
}

type clientRotateCmd struct {
	settings
	ID string `arg:"" name:"client-id" help:"As qiao client list shows it."`
}

// Run replaces the client's secret.
func (cmd clientRotateCmd) Run(ctx context.Context, w out) (err error) {
	_, store, box, err := cmd.open(ctx)
	if err != nil {
		return err
	}
	defer closing(store, &err)
	client, err := store.Client(ctx, cmd.ID)
	if err != nil {
		return about("client", cmd.ID, err)
	}
	if client.Public() {
		return fmt.Errorf("client %q is public: it has no secret", cmd.ID)
	}
	if client.Source == server.SourceConfig {
		return fmt.Errorf("client %q is owned by the configuration: change its client_secret there", cmd.ID)
	}
	secret, hash := clients.NewSecret(box)
	if err := store.RotateClientSecret(ctx, cmd.ID, hash, operator(), time.Now()); err != nil {
		return about("client", cmd.ID, err)
	}
	_, err = fmt.Fprintf(w, "client_secret  %s\n\nThe old secret ended. This one is shown this once.\n", secret)
	return err
}
