// Package keys holds the signing keys of the provider: it loads them from the store, opens them, signs with the active
// one of each algorithm, publishes all of them, and replaces them in time.
//
// # States of a key
//
//	next ──ActiveAt──► active ──successor's ActiveAt──► retired ──ExpiresAt──► gone
//
// A key is published from the moment that it is stored, so that relying parties have it in their caches before the
// first signature by it, and it stays published until the last token that it signed is of no use, even as a hint at
// logout. The state follows from the stored times and the clock alone: nothing has to be run for a key to become active.
//
// # Invariants
//
//   - Nothing private leaves the package: JWKS holds public keys only.
//   - A key's ID is the RFC 7638 thumbprint of its public half, so two keys never share one.
//   - Two servers that start at once on a fresh database end with one key for each algorithm.
package keys
