// Package ui draws what a person sees: the pages, the QR codes, and the words of chats and text messages.
//
// A page is a struct of pages.go. Render turns it into one self-contained answer: markup from templates/, words from
// catalogue/ in the person's language, and every security header that the page needs.
//
//	struct (pages.go) ─► page.go: template, title, script ─► templates/<name>.html in templates/layout.html
//	                                                     └─► headers.go: CSP made for this very page
//
// Every login draws two pages, so a template is left little to ask: words and paths that depend on the language alone are
// written into it before it is parsed (templates.go), what stands around the pages of a kind is drawn once (site.go), what
// they show of a client once for each (clients.go), and the rest is made into fields (view.go). Whatever anybody else chose
// is escaped by html/template, in its context, and by nothing else.
//
// Invariants
//   - Nothing inline: scripts and styles are same-origin files with hashed names, so the policy needs no nonce and no
//     'unsafe-inline', and an injected tag or attribute does nothing.
//   - Every page works without script. The script of the login page only saves the person from pressing a button.
//   - Names that others chose (clients, devices, places) lose control and direction characters, are cut to a sensible
//     length and stand in a <bdi> of their own, so that they cannot rearrange the words around them.
//   - No button is focused in advance, only a heading that has changed or a field that was refused; and refusing is as
//     easy as approving: same size, same place, one tap.
//   - Both catalogues have the same ids with the same placeholders.
package ui
