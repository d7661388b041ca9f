// Package op is the OpenID Provider as a browser sees it: authorize and its continuation, consent, cancel, logout, and
// the metadata. Its sub-packages hold what other machines talk to: keys, clients, and the grants of the token endpoint.
//
// # An authorization request
//
//	GET /authorize ── checks ──► refused: a page, until the redirect URI is known to be the client's;
//	      │                      then an error at the redirect URI
//	      ├─ nothing is lacking ─────────────────────────────────────────────► code at the redirect URI
//	      ├─ prompt=none, and something is lacking ──────────────────────────► login_required, consent_required
//	      └─ AuthRequest, bound to this browser
//	            ├─ a login is lacking ─► /login/<id> … ─► /authorize/continue ┐
//	            └─ only consent is lacking ─────────────► /authorize/continue ┤
//	                                                                         ├─ a login is lacking ─► /login/<id>
//	                                                                         ├─ consent page ─► approve │ decline
//	                                                                         └─ code at the redirect URI
//
// # The code of a TV
//
//	GET /device ── the form; in WeChat ─► /device/wechat, the flow's
//	POST /device ── counted, then compared ─► AuthRequest that names the device, bound to this browser
//	      ├─ no session ─► /login/<id> … ─► /authorize/continue ┐
//	      └─ session ───────────────────────────────────────────┴─► /device/confirm ─► approve │ decline ─► the end
//
// What is lacking is decided in one place (assess), afresh at each step, from the session that is alive then.
//
// # What holds
//
//   - Nobody is redirected to an address that is not registered for the client, and no error of ours (a database that is
//     down) is told to the client as a protocol error: the person gets a page and may try again.
//   - A continuation answers only to the browser that began it, and each AuthRequest yields one code or one error.
//   - prompt=login, select_account and max_age are satisfied by a login that was completed for this very request, and by
//     no other: AuthRequest.SessionID.
//   - A logout that anybody could have caused (no hint, or another person's) is asked about first.
//   - No device is let in without a press on its confirm page, and its AuthRequest never yields a code.
//   - Every answer to a client, success or error, carries iss (RFC 9207). To https and to loopback it goes by 303; to an
//     app's own scheme by the button of a page, unless the client asked for no page.
package op
