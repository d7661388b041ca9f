// Package grants is the token side of the provider: code exchange, refresh, devices, introspection, revocation, userinfo,
// keys and discovery.
//
// # A request
//
//	/token, /revoke, /introspect ── CORS ── private (not cached, counted)
//	     └─► guard (POST, form, ≤64 KiB, no parameter twice or in the query)
//	           └─► the library's route ─► VerifyClient ─► CodeExchange │ RefreshToken │ Revocation │ Introspect
//	           └─► a device code's poll ─► pollDevice
//	/device_authorization ── CORS ── private ── guard ─► authorizeDevice
//	/userinfo ── CORS ── private ─► its own route: the library's knows no WWW-Authenticate and reads the query
//	/keys, /.well-known/openid-configuration ── for everyone ─► the library's route
//
// The library (zitadel/oidc) routes and parses, with a decoder of ours. Server implements its op.Server. What it
// would answer inexactly is answered by the guard before it: grant types that are not served (its description repeats what
// the client sent), missing or malformed client authentication (400 where 401 is due).
//
// # A device (RFC 8628)
//
//	/device_authorization ─► DeviceAuthorization, marked pending in the signals
//	/token, device_code   ─► the signals say pending: authorization_pending or slow_down, and the store is not asked
//	                      └► no mark: RedeemDevice ─► tokens │ access_denied │ expired_token │ invalid_grant │ pending, marked again
//
// The mark is trusted for half a minute, and whoever decides clears it after the commit. So the pace is enforced across
// replicas without a write to the record, and what the device is told is the record's, at worst half a minute late.
//
// # Tokens
//
//	code, access token   grant ID (16 bytes) ‖ secret (32)                           64 characters
//	device code          device ID (16), which the grant takes over ‖ secret (32)    64 characters
//	refresh token        grant ID (16) ‖ seed (32) ‖ generation (4) ‖ MAC (32)      112 characters
//
// Only hashes are stored. The MAC makes every generation of a family authentic: garbage never reaches the store, and
// only who held a genuine old token can end a family. A successor is derived, so that a lost answer can be repeated.
//
// # Invariants
//
//   - A code exchange and a refresh are one transition of the store and one signature each. (A refresh that asks for
//     fewer scopes reads the grant first.)
//   - An error of the store is a 5xx with Retry-After, never invalid_grant: a client throws its refresh token away on
//     that. One table, failureOf, maps all errors.
//   - A client learns nothing of another one's tokens: introspection says inactive, revocation says done.
package grants
