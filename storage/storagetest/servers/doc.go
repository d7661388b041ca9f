// Package servers brings up real PostgreSQL and Redis servers for tests, from binaries that are installed, and ends
// them with the test process, however that ends.
//
//	servers.Postgres(t)       the address of a fresh database; all tests of a process share one server
//	servers.StartPostgres(t)  a server of the test's own, to stop and start
//	servers.Redis(t)          the address of a fresh server
//	servers.StartRedis(t)     the same server with its handles, to stop, start and flush
//
// They listen on Unix sockets in folders of their own: no port is taken from anybody, also not while a server is down.
// PostgreSQL keeps its durable settings (fsync and synchronous_commit are on), so what a test sees committed would have
// survived.
//
// Nothing is skipped where a binary is missing: the test fails with the name of the Debian package to install.
package servers
