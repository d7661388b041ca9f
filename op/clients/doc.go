// Package clients knows the relying parties: it caches them, authenticates them at every endpoint by one function,
// matches their redirect URIs and says what is wrong with a registration.
//
// # The cache
//
// The whole registry is in memory, as it was at one Version of the store. The version is asked at most once a second;
// when it has moved, everything is read again. So a change by another process is seen within a second, an unknown id
// costs no read, and nothing that a stranger sends can make the cache grow.
//
// # Invariants
//
//   - A request authenticates by exactly one method, and one that the client is registered for.
//   - A wrong secret, an unknown client and a missing secret get the same answer and cost the same.
//   - A redirect URI is accepted if and only if it is registered, character by character. The one exception is the port
//     of a native client's loopback address (RFC 8252 §7.3).
package clients
