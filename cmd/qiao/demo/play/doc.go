// Package play is a program that plays people: it reads pages as HTML, fills in forms as a browser without script does,
// and moves the simulated phone through its control API. Tests and benchmarks use it against a running provider; it
// knows nothing of the provider's code.
package play
