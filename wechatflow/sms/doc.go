// Package sms sends text messages. Who sends declares nothing but Sender; Webhook hands a message to the operator's own
// gateway, Simulator to the simulated phone of the demo.
//
// # The webhook
//
// One message is one POST to the configured address:
//
//	POST /send HTTP/1.1
//	Content-Type: application/json
//	X-Qiao-Delivery: 4f1c…                   one per message, 32 hexadecimal digits
//	X-Qiao-Signature: t=1767225600,v1=5257a8…
//
//	{"to":"+8613800001234","text":"【Qiao】123456 is your code, …","code":"123456","lang":"zh-CN","kind":"code"}
//
//	to    the number in E.164
//	text  the whole message, for gateways that send free text
//	code  the code alone, for gateways that fill in a template (as those in mainland China demand)
//	lang  the language of text, BCP 47
//	kind  "code"; more kinds may come
//
// v1 is the hexadecimal HMAC-SHA-256, under the shared secret, of the time t, a full stop and the body as it was
// received. A receiver computes it, compares in constant time, refuses a t that is more than five minutes away from its
// clock, and may drop an X-Qiao-Delivery that it has seen. The example of NewWebhook is such a receiver.
//
// Any 2xx status says that the message was accepted. There are 5 s for it, redirects are not followed, and nothing is
// tried again: the person asks for another code.
//
// # What is never told
//
// Errors and logs hold no number, no text, no code, no secret and no address of the webhook (its path may be a secret).
package sms
