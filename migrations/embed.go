// Package migrations holds the schema of the durable store as goose migrations, one folder for each database. A change
// lands in both folders under the same number, and the columns have the same names and meaning in both.
package migrations

import "embed"

// Postgres holds postgres/*.sql, for PostgreSQL 14 and later.
//
//go:embed postgres/*.sql
var Postgres embed.FS

// SQLite holds sqlite/*.sql.
//
//go:embed sqlite/*.sql
var SQLite embed.FS
