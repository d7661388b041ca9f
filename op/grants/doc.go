// Package grants is the token side of the provider: code exchange, refresh, introspection, revocation, userinfo, keys
// and discovery.
package grants
