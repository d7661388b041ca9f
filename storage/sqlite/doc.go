// Package sqlite is the durable store of one process, in one file: no server to run.
//
// One connection writes, one transaction at a time, each begun IMMEDIATE; a few connections read beside it. The file is
// in WAL mode with synchronous=FULL: what a transition has returned is on the disk.
//
// # Who may open the file
//
//	server ─► Open ─► holds <file>.lock until Close; a second server is refused
//	CLI    ─► Open with Shared ─► takes the lock only to migrate a file that no server has
//
// Commands change the same rows as the server does, and raise the version that it watches.
package sqlite
