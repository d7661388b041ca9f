// Package servertest runs the production server in a test's process, beside a simulated platform, so that a test drives
// whole logins over HTTP and breaks what the server stands on in between.
//
//	platform.go  the simulated platform, and a configuration for servers beside it
//	server.go    one running server: its address, its log, its end
//	secrets.go   remembers what must not be found anywhere
//	party.go     a relying party without a library, which can also send what no library would
package servertest
