// Package simulator is a fake of the WeChat Official Account platform, for the demo and for tests. Nothing in the
// provider knows that it is not WeChat: it calls the same paths, and its callback is called in the same way.
//
// It has three faces on one handler:
//
//	/cgi-bin/… /sns/… /connect/…   the platform's own API (platform.go has the table of calls)
//	/sim/…                         the control API, with which any program plays a person (control.go has the routes)
//	/                              a phone on the screen, with which a person plays a person (page/)
//
// A scan, read from top to bottom:
//
//	qrcode/create ─► code ─► POST /sim/people/{id}/scan
//	                            ├─ follows?  no ─► follow_prompt ─► POST …/follow ─► subscribe, qrscene_<scene>
//	                            └─ yes ─────────────────────────────────────────────► SCAN, <scene>
//	                                                                                     │ push.go: up to three deliveries
//	                        chat ◄─ passive reply (reply.go) or the fault notice ◄───────┘
//
// Rules that hold everywhere:
//   - All state is in memory, behind one mutex that is never held during input or output, and everything is bounded.
//   - Every time is the simulator's: the injected clock plus what POST /sim/clock has added.
//   - Every request must name a loopback host, and so must every Origin: a page of the internet that is open in a
//     developer's browser can neither read nor play the simulated people (DNS rebinding, cross-site posts).
//   - Neither logs nor errors hold a token, a code, an openid or a body.
package simulator
