// Package bench measures Qiao as a process of its own, over loopback, and prints a table: `make bench`. Nothing in it
// fails on a slow day. The floor (floor/) does the same round trips and signatures with nothing around them and is
// measured in the same run, on the same PostgreSQL, by the same client.
//
//	table_test.go   the run and the table
//	server_test.go  the processes that are measured, and their processor time
//	client_test.go  a lean HTTP client in a closed loop
//	logins_test.go  people who log in, and browsers that wait
package bench
