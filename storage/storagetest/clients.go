package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func clientStories() map[string]story {
	return map[string]story{
		"a client comes back as it was added":     clientComesBack,
		"an unknown client is not found":          clientUnknown,
		"a taken id is a conflict":                clientTaken,
		"a rotated secret replaces the old one":   clientRotated,
		"a removed client has no live grant":      clientRemoved,
		"a client inherits nothing by its id":     clientReplaced,
		"sync makes the configured clients these": clientsSynced,
		"replicas sync at once":                   clientsSyncedAtOnce,
	}
}

func newClient(id string) storage.Client {
	return storage.Client{
		ID: id, Name: "图表", SecretHash: []byte("hash of " + id), AuthMethods: []string{storage.AuthMethodBasic, storage.AuthMethodPost},
		RedirectURIs: []string{"https://rp.example/cb"}, PostLogoutRedirectURIs: []string{"https://rp.example/"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		Scopes: []string{"openid", "phone"}, FirstParty: true, RequirePKCE: true, IDTokenAlg: "ES256", EmailDomain: "example.com", Source: "cli",
		CreatedAt: start, UpdatedAt: start,
	}
}

func clientComesBack(w world) {
	before := w.version()
	want := newClient("grafana")
	require.NoError(w, w.a.AddClient(w.Context(), want, "ops"))
	got, err := w.b.Client(w.Context(), "grafana")
	require.NoError(w, err)
	require.Equal(w, want, got)
	public := newClient("app")
	public.SecretHash, public.AuthMethods = nil, []string{storage.AuthMethodNone}
	require.NoError(w, w.a.AddClient(w.Context(), public, "ops"))
	list, err := w.b.ListClients(w.Context())
	require.NoError(w, err)
	require.Equal(w, []storage.Client{public, want}, list, "in the order of their ids")
	require.Greater(w, w.version(), before, "servers must hear of it")
	require.Equal(w, []string{"client.add", "client.add"}, w.actions(""))
}

func clientUnknown(w world) {
	_, err := w.a.Client(w.Context(), "nobody")
	require.ErrorIs(w, err, storage.ErrNotFound)
	require.ErrorIs(w, w.a.RotateClientSecret(w.Context(), "nobody", []byte("x"), "ops", start), storage.ErrNotFound)
	require.ErrorIs(w, w.a.RemoveClient(w.Context(), "nobody", "ops", start), storage.ErrNotFound)
	require.Empty(w, w.actions(""))
}

func clientTaken(w world) {
	errs := parallel(8, func(n int) error {
		return w.store(n).AddClient(context.WithoutCancel(w.Context()), newClient("grafana"), "ops")
	})
	added := 0
	for _, err := range errs {
		if err == nil {
			added++
		} else {
			require.ErrorIs(w, err, storage.ErrConflict)
		}
	}
	require.Equal(w, 1, added)
}

func clientRotated(w world) {
	require.NoError(w, w.a.AddClient(w.Context(), newClient("grafana"), "ops"))
	before := w.version()
	require.NoError(w, w.a.RotateClientSecret(w.Context(), "grafana", []byte("new"), "ops", start.Add(time.Hour)))
	c, err := w.b.Client(w.Context(), "grafana")
	require.NoError(w, err)
	require.Equal(w, []byte("new"), c.SecretHash)
	require.Equal(w, start.Add(time.Hour), c.UpdatedAt)
	require.Equal(w, start, c.CreatedAt)
	require.Greater(w, w.version(), before)
	require.Equal(w, []string{"client.add", "client.rotate"}, w.actions(""))
}

func clientRemoved(w world) {
	require.NoError(w, w.a.AddClient(w.Context(), newClient("grafana"), "ops"))
	p := w.signIn("o1", start)
	require.NoError(w, w.a.GrantConsent(w.Context(), p.user.ID, "grafana", []string{"openid"}, start))
	online, offline := w.tokens(p, false, start), w.tokens(p, true, start)
	c := p.codeOf(start)
	c.Grant.ClientID = "other"
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	require.NoError(w, w.a.RemoveClient(w.Context(), "grafana", "ops", start))
	require.False(w, w.alive(online.Grant.ID))
	require.False(w, w.alive(offline.Grant.ID))
	require.True(w, w.alive(c.Grant.ID), "another client's grant stays")
	_, err := w.b.Client(w.Context(), "grafana")
	require.ErrorIs(w, err, storage.ErrNotFound)
	scopes, err := w.b.Consent(w.Context(), p.user.ID, "grafana")
	require.NoError(w, err)
	require.Empty(w, scopes)
	require.Equal(w, []string{"client.add", "client.remove"}, slices.DeleteFunc(w.actions(""), func(a string) bool { return a == "login" || a == "phone.bind" }))
}

// clientReplaced: a server that has not heard of the removal issues for a moment more.
func clientReplaced(w world) {
	require.NoError(w, w.a.AddClient(w.Context(), newClient("tv-app"), "ops"))
	require.NoError(w, w.a.RemoveClient(w.Context(), "tv-app", "ops", start))
	p := w.signIn("o1", start)
	c := p.codeOf(start)
	c.Grant.ClientID = "tv-app"
	require.NoError(w, w.a.IssueCode(w.Context(), c))
	require.NoError(w, w.a.GrantConsent(w.Context(), p.user.ID, "tv-app", []string{"openid"}, start))
	waiting, approved := w.tv(start), w.tv(start)
	_, err := w.a.ApproveDevice(w.Context(), p.approvalOf(approved))
	require.NoError(w, err)
	others := w.tokens(p, true, start)

	require.NoError(w, w.b.AddClient(w.Context(), newClient("tv-app"), "ops"))
	require.False(w, w.alive(c.Grant.ID))
	for _, d := range []tv{waiting, approved} {
		require.ErrorIs(w, w.poll(d, 0), storage.ErrNotFound)
		_, err = w.a.ApproveDevice(w.Context(), p.approvalOf(d))
		require.ErrorIs(w, err, storage.ErrNotFound)
	}
	scopes, err := w.b.Consent(w.Context(), p.user.ID, "tv-app")
	require.NoError(w, err)
	require.Empty(w, scopes)
	require.True(w, w.alive(others.Grant.ID), "another client's")
}

func configured(ids ...string) (list []storage.Client) {
	for _, id := range ids {
		c := newClient(id)
		c.Source = "config"
		list = append(list, c)
	}
	return list
}

func clientsSynced(w world) {
	require.NoError(w, w.a.AddClient(w.Context(), newClient("cli"), "ops"))
	require.NoError(w, w.a.SyncClients(w.Context(), configured("a", "b"), start))
	version := w.version()
	require.NoError(w, w.a.SyncClients(w.Context(), configured("a", "b"), start.Add(time.Hour)))
	require.Equal(w, version, w.version(), "nothing changed, nobody needs to reload")

	next := configured("b", "c")
	next[0].Name = "renamed"
	require.NoError(w, w.b.SyncClients(w.Context(), next, start.Add(2*time.Hour)))
	list, err := w.a.ListClients(w.Context())
	require.NoError(w, err)
	require.Len(w, list, 3)
	require.Equal(w, []string{"b", "c", "cli"}, []string{list[0].ID, list[1].ID, list[2].ID})
	require.Equal(w, "renamed", list[0].Name)
	require.Equal(w, start, list[0].CreatedAt, "it is the same client")
	require.Equal(w, start.Add(2*time.Hour), list[0].UpdatedAt)
	require.Equal(w, start.Add(2*time.Hour), list[1].CreatedAt)
	require.Greater(w, w.version(), version)

	require.ErrorIs(w, w.a.SyncClients(w.Context(), configured("a", "cli"), start), storage.ErrConflict)
	_, err = w.a.Client(w.Context(), "a")
	require.ErrorIs(w, err, storage.ErrNotFound, "all or nothing")
}

func clientsSyncedAtOnce(w world) {
	var ids []string
	for n := range 10 {
		ids = append(ids, fmt.Sprintf("client-%d", n))
	}
	errs := parallel(6, func(n int) error {
		return w.store(n).SyncClients(context.WithoutCancel(w.Context()), configured(ids...), start)
	})
	require.NoError(w, errors.Join(errs...))
	list, err := w.a.ListClients(w.Context())
	require.NoError(w, err)
	require.Len(w, list, 10)
	require.Len(w, w.actions(""), 10, "each was added once")
}

func (w world) version() int64 {
	w.Helper()
	v, err := w.b.Version(w.Context())
	require.NoError(w, err)
	return v
}
