// Package wechatflow is the login between /login/{auth request} and the session: scan, follow, confirm, bind the phone,
// continue.
//
// The computer shows a QR code and waits. WeChat tells us who scanned it, and the chat answers with a link. On the phone
// the link leads through WeChat's web authorization to a page that asks, in words, whether this is really the person's
// own login; the number that the computer shows is chosen there. Then the computer goes on.
//
//	computer (browser secret)            WeChat (scene)                 phone (phone secret)
//
//	GET /login/{id}  waiting ── QR ──►   scan or follow
//	                                     POST /wechat/{account}
//	                 scanned ◄── wake ── RecordScan ── reply: link ──►  GET /phone/{link}
//	                 number shown                                       web authorization, state bound to the phone
//	                                                                    GET /phone/return: the scanned openid, proven
//	                                                                    confirm: choose the number, or decline
//	                                                                    first time: number, code, (move)
//	                 confirmed ◄───────────────── wake ───────────────  done
//	POST continue ── session, 303 to /authorize/continue
//
// States: waiting → scanned → confirmed → done; from each of the first three to declined or expired. Every step is one
// transition of storage.Logins; this package holds nothing in memory that a login rests on, so any replica may serve
// any step. Waiters are woken through Signals and look at the Store by themselves every few seconds.
//
// Where a person comes back to a browser that vouches for them, the scan is all there is: RecordScan confirms the attempt,
// and the chat's reply tells of it instead of asking. This package says of a push only whether it may be so (mayBeAlone); all
// other conditions are storage's.
//
// Two other ways lead to the phone's page. In WeChat's own browser (attempt ViaWeChat) there is nothing to scan: the
// browser itself goes through web authorization and follows the account where it does not yet. And where the platform
// gives no code (quota, trouble, too many from one address) the QR code holds our own page /scan/{account}/{secret},
// which proves the openid by web authorization instead of by an event.
//
// # A TV
//
// A device (RFC 8628) shows a picture that this package draws, and polls the provider. The rest is the same, with the
// device as what is signed in; but nobody claims a device by a scan, and there is no number to match: the person compares
// the user code, and taps.
//
//	TV (device code)                     WeChat                         phone (phone secret)
//
//	GET /device/picture/{handle}
//	    minted when first fetched ──►    scan or follow
//	                                     POST /wechat/{account}
//	                                     RecordScan: an approval of
//	                                     this openid's own ── link ──►  as above, or in one step from the plain address:
//	                                                                    GET /device/wechat?user_code=
//	                                                                    confirm: approve, or decline
//	                                                                    first time: number, code, (move)
//	next poll: asks the Store  ◄──────── the pending mark is cleared    look at your TV
//
// Where the platform gives no code, the picture is the device's plain address.
//
// # Notices
//
// A login in a browser that did not know the person, and the approval of a device, write a notice in their own transition.
// It is told at once where the platform's message window is open, else with the reply to the next contact. Its link leads
// through web authorization, as the phone link does, to a page on which "not me" ends what the notice tells of. Whoever loses
// their number to somebody else is told in the same way, without a link: that one has proven the number.
//
// # Another number
//
// A signed-in person changes their number at /phone/change, one page that shows whatever is due:
//
//	begun ── a code to the old number, or a login confirmed for it ──► proven ── a code to the new number ──► done
//
// It belongs to one session in the browser that the session was opened in: that session's cookie alone is worth nothing
// elsewhere, and nothing here without a proof. The login is an AuthRequest of its own (storage.PhoneChangeClient), so that
// the phone says what is confirmed, and no other login counts. Once done, every other browser is signed out and none knows
// the person; the chat says so, with a "not me" that ends everything and takes the new number away.
//
// # Pages that wait
//
// A page waits in a long-poll (login_state.go) for a wake-up of the signals. Wake-ups may be lost, so the lookout (lookout.go)
// asks the Store every few seconds which logins have changed, a hundred of them in a statement, and has only those pages
// read again. A wake-up goes the same way: when Redis comes back and all are woken, nobody asks alone. Between two polls of a
// page its waiter rests (resting.go), watched and looked after, so that a poll which follows another one reads nothing.
//
// # Three secrets
//
// They are never equal, and never in the same place:
//
//   - the scene, between the server and WeChat: whoever knows it can do nothing without being WeChat;
//   - the browser secret, a cookie of the computer: only with it is the attempt seen, polled and continued;
//   - the phone link's token, in the chat: it names the attempt and proves nothing. What counts is the phone secret, a
//     cookie that WeChat's browser is given anew when web authorization has returned the openid that scanned.
//
// A device has a fourth one in its picture's address, which shows the picture and does nothing else.
//
// A round of web authorization is bound to the browser by the phone secret that it has at that moment, also where the
// browser logs in itself; there the browser secret is asked for too when it comes back.
//
// No GET changes an attempt: links are fetched ahead and forwarded. What a GET may do is begin a round of web
// authorization, which counts only in the browser that began it.
package wechatflow
