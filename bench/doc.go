// Package bench measures Qiao as a process of its own, over loopback, and prints a table: `make bench`. Nothing in it
// fails on a slow day. The floor (floor/) does the same round trips and signatures with nothing around them and is
// measured in the same run, on the same PostgreSQL, by the same client.
//
//	table_test.go     the run and the table
//	server_test.go    the processes that are measured, and their processor time
//	client_test.go    a lean HTTP client in a closed loop
//	logins_test.go    people who log in
//	waiting_test.go   ten thousand browsers that wait, also while Redis restarts
//	crowd_test.go     their process; browsers_test.go what they do in it
//	tvs_test.go       TVs that wait, and their approval
//	mass_test.go      what fifty thousand of them take, and the janitor
//	wiretap_test.go   counts the statements on their way to PostgreSQL
//
// BENCH_PARTS (of browsers, tvs, tokens), BENCH_BROWSERS and BENCH_TVS make a run shorter.
package bench
