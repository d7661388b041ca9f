// Package relational implements the transitions of storage.Store that are not hot, once for both databases.
//
// A Store runs over a DB, which a driver package provides: storage/sqlite over database/sql, storage/postgres over pgx.
// The drivers embed *Store and write the hot transitions by hand (IssueCode, ConsumeCode, RedeemDevice,
// RotateRefreshToken, AccessScopes, AccessPerson, AccessGrant, Session), each in what is fastest there.
//
// # Portable values
//
// All times are BIGINT microseconds since 1970 in UTC, 0 for the zero time. IDs and hashes are BYTEA or BLOB, all zero
// bytes when absent. Lists and structures are JSON text, but for the lists of a grant, which have a space between. Booleans
// are 0 and 1. So no statement differs but in its locks.
//
// # Round trips
//
// A statement is sent when a result is needed, with all that were asked for before it. So a transition asks for everything
// whose parameters it knows (ask…), reads the rows in that order (read, hold), decides, and leaves what it writes to travel
// with the commit: a scan, and the completion of a login, are two round trips each.
//
// # Locks
//
// On PostgreSQL transactions are READ COMMITTED, and each holds the rows that its decision rests on before it decides,
// in this order, so that two of them seldom deadlock (then one is retried):
//
//	follow event ─► auth request ─► device ─► phone change ─► attempt ─► phone code ─► identity ─► user ─► scan event ─► notice
//	─► known browser ─► session ─► grants
//
// What ends sessions or grants changes the session or the user first, and revokes the grants in a LATER statement: an
// IssueCode that held the row then has committed its grant, and the later statement sees it. In one statement it would
// not, and the grant would outlive the logout.
//
// Use and revocation of a grant need no such care: both change that one row, so its lock orders them.
package relational
