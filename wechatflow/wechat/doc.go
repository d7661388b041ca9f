// Package wechat speaks with the WeChat Official Account platform, in both directions. It is the only importer of
// PowerWeChat.
//
// # Outbound
//
// Client makes the calls: parametric QR codes, user info, customer-service messages, web authorization. PowerWeChat
// builds the requests; the token, the transport and the reading of errors are ours:
//
//	CreateQR … ─► tokens (memory ► shared sealed copy ► one stable_token call under a lock)
//	           ─► an SDK instance of our own for the time of the call
//	           ─► transport: only the platform's host (or its stand-in), deadline, 1 MiB, errcode ─► *APIError
//
// Whatever the platform refuses is an *APIError; no error text holds a secret, a token, a code or an openid.
//
// # Inbound
//
// Callback authenticates and opens pushes, and seals replies. Which checks apply is decided by the account's
// configuration, never by the request:
//
//	mode    signature over                     message is read from
//	plain   timestamp, nonce                   the body (which nothing authenticates: prefer safe)
//	compat  timestamp, nonce, Encrypt          Encrypt; a plaintext beside it must say the same
//	safe    timestamp, nonce, Encrypt          Encrypt
//
// The order is: shape of the parameters, signature in constant time, age, decryption, AppID, ToUserName. Nothing of a
// message is looked at before its signature.
package wechat
