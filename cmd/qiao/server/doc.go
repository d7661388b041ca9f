// Package server wires the parts into a running provider. The same Run serves production, the demo and the end-to-end
// tests: they differ in the configuration that they give it.
//
//	stores.go    open the durable store and the signals that the configuration names
//	parts.go     build the parts and hand each what it needs
//	clients.go   relying parties of the configuration → registrations
//	run.go       listeners, loops, ready, drain
//	health.go    /livez, /readyz, /metrics
package server
