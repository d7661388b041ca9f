// Package tv is the demo's TV: an app as it would run on a TV of ten years ago, with the small server that such an app has
// behind it. It knows Qiao by its issuer URL only and speaks RFC 8628, OpenID Connect and RFC 7009; the one extension that
// it uses is `qiao_wechat_qr`, and it does without.
//
// # The server
//
// The page does not talk to the provider: an old browser's app would need CORS there, and a secret in a TV is none. The
// page's own server holds the device code and the tokens, and hands the page only what it shows. A TV is known by a
// cookie.
//
//	POST /api/start    a new code in place of what this TV had
//	POST /api/poll     one poll, no oftener than the provider wants
//	GET  /api/me       what this TV shows now; a signed-in TV asks the provider whether it still is
//	POST /api/signout  drops the code, or revokes the tokens
//	GET  /qr.svg       verification_uri_complete as a QR code, for providers without the extension
//
// Each API call needs the header `X-TV: 1`, which a page of another origin cannot send.
//
// # The page
//
// The files in page are written for Chromium 38 (LG webOS 3): ES5, XMLHttpRequest, flexbox, keyCode. 1920×1080
// with a safe margin of 5%, scaled to other screens. Tests hold them to that.
//
//	            start                approved
//	starting ──────────► waiting ─────────────► signed-in
//	   │                  │ │ │                     │ sign out, or revoked elsewhere
//	   ▼                  │ │ └► declined           └──► starting
//	 error ◄──────────────┘ └──► expired, after two silent renewals (?renew=N for N)
//
// Back leads from each of them to cancelled; OK starts again.
//
// What tests may rely on: main#tv has data-state (starting, waiting, expired, declined, error, cancelled, signed-in),
// data-user-code, data-qr (the text in the QR code where the TV drew it itself, else empty), data-qr-kind (wechat or plain,
// empty while no picture is there), data-picture (the picture's address), data-expires-in (seconds) and data-error (a code).
// Ids: qr (the picture), user-code, address, countdown, status, refresh, cancel, retry (the button of expired, declined,
// error and cancelled), name, phone, signout.
package tv
