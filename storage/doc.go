// Package storage holds Qiao's domain types and the contract of its two stores. It uses the standard library only.
//
// Store is the record: every acknowledged effect is committed there before anybody is told of it. Signals is the
// nervous system: it wakes waiters, counts request rates and shares short-lived values between replicas. It is never
// the record; flushed at any moment, nothing acknowledged is lost and no invariant breaks.
//
// The contract is transitions, not rows to edit. Each method of Store is atomic, and safe to run beside any other in
// any replica. A method that changes something says what happens when it is called twice.
//
// # A login
//
//	authorize ─► AuthRequest ─► Attempt: waiting ─► scanned ─► confirmed ─► done ─► Session
//	                               │         (approved: the phone    │
//	                               │          still to be bound)     └─► Grant with its one code
//	                               ├─► declined (by the person, or by a wrong number) · expired (replaced, or late)
//	                               └─► confirmed at once, where the scan alone is enough: see RecordScan
//
// A Grant is one row from the code to the last refresh: the code, the newest refresh token and the live access tokens
// are columns of it, so every use, replay, rotation and revocation of them is ordered by that one row's lock.
//
// # A TV
//
//	DeviceAuthorization: pending ─► approved ─► redeemed
//	   │  │                 ▲  └─► its Grant, from this moment on
//	   │  └─► an Attempt for each person who scans: scanned ─► done · declined · expired (somebody else was first)
//	   └─► declined (the TV was told, while nobody was deciding)
//
// # Invariants
//
// storagetest proves them for each pair of stores, under the race detector.
//
//   - I1 A code yields at most one grant. A replay revokes that grant.
//   - I2 A refresh-token family has at most one live successor. For 30 s the same client, with the same parameters,
//     gets the same successor again while that is unused (at most twice a rotation, and only while nothing is
//     revoked); any other reuse ends the family.
//   - I3 A phone binding that was answered 2xx exists.
//   - I4 A scan that was answered "success" exists.
//   - I5 An active phone belongs to at most one user, and (account, openid) to exactly one.
//   - I6 A device code is redeemed at most once.
//   - I7 After a logout, a lock or a revocation is acknowledged, nothing more is issued for it. A browser logout ends
//     the session and its online grants; offline_access and TV grants end by
//     revocation, by signing out everywhere, or by a lock.
//   - I8 Tries of a text-message code, of a number and of a user_code never exceed their limit, also in parallel,
//     across replicas and with Signals flushed between any two: they are counted before they are compared.
//   - I9 No login completes in a browser that did not start it.
//
// # Time
//
// The caller passes now; nothing here reads a clock. Stored times have microsecond precision; the zero time.Time
// means "not so far".
package storage
