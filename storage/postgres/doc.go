// Package postgres is storage.Store on PostgreSQL 14 or later, for one or many replicas.
//
// The transitions that are not hot are storage/relational's. The hot ones are here, one statement and one round trip
// each: IssueCode, ConsumeCode, RedeemDevice, RotateRefreshToken, AccessScopes, AccessPerson, Session.
//
// # What a single statement can rely on
//
// Everything runs READ COMMITTED, which the connections ask for themselves, with synchronous_commit as the server has
// it: on, unless an operator chose to lose commits.
//
//   - A statement that waits for a row sees its newest version afterwards: the WHERE clause and every expression of SET
//     are evaluated again on it. So a conditional UPDATE of one row is a compare-and-swap, and RETURNING tells what
//     became of it. That is all that ConsumeCode and RotateRefreshToken need.
//   - All other rows of that statement stay as they were when it began. So a loser inside one statement never sees the
//     winner's rows, and nothing here depends on that: a replay finds the grant by its own row, and what revokes the
//     grants of a session or a user does so in a later statement than the one that changed the session or the user.
//   - A use of a grant and its revocation change the same row, so its lock orders them. A use reads the user's row as it
//     was, which is enough: whoever locks the user revokes the grant afterwards, and waits for the use or is seen by it.
//   - Only IssueCode makes a row that a revocation cannot wait for, because it is not there yet. So it holds the user and
//     the session FOR SHARE until it commits.
package postgres
