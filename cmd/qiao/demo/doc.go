// Package demo runs everything on one machine: the provider with its production code, a simulated WeChat with a phone
// on the screen, a relying party and a TV. All of it listens on loopback only, with secrets made for this run.
//
//	settings.go  the demo's defaults under the operator's own configuration
//	demo.go      ports, start, what is printed, the ready file
//	folder.go    what it writes: the master key, its own configuration; removed where it is temporary
//	rp/          the relying party
//	tv/          the TV
package demo
