// Package device signs a device in at an OpenID Provider by the device authorization grant (RFC 8628), as a TV app would:
// with standard endpoints only, found by discovery. The demo TV and `qiao tv` are built on it.
//
//	Discover ─► Start ─► Poll … Poll ─► Identify ─► UserInfo, Refresh, Revoke
//	                     └── Wait ──┘
//
// What the provider answers is not trusted further than its signature reaches: bodies are cut off, addresses must be
// http or https, and the ID token is verified before anybody is called signed in.
package device
