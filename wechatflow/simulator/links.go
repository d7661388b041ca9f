package simulator

import (
	"regexp"
	"strings"
)

// part is a stretch of a message, with the address that it leads to if it is a link.
type part struct {
	Text string `json:"text"`
	URL  string `json:"url,omitempty"`
}

var (
	anchorPattern  = regexp.MustCompile(`(?is)<a\b[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>(.*?)</a>`)
	addressPattern = regexp.MustCompile(`https?://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+`)
)

// textParts cuts a text where WeChat's client shows links: at <a href="…">…</a>, and at bare web addresses.
func textParts(text string) []part {
	var parts []part
	rest := 0
	for _, at := range anchorPattern.FindAllStringSubmatchIndex(text, -1) {
		parts = append(parts, bareParts(text[rest:at[0]])...)
		href := ""
		for _, group := range []int{2, 4} {
			if at[group] >= 0 {
				href = text[at[group]:at[group+1]]
			}
		}
		label := text[at[6]:at[7]]
		rest = at[1]
		href = strings.ReplaceAll(strings.TrimSpace(href), "&amp;", "&")
		if !webAddress(href) { // such as javascript: or a mini program's path: shown, but it leads nowhere
			href = ""
		}
		parts = append(parts, part{Text: label, URL: href})
	}
	return append(parts, bareParts(text[rest:])...)
}

// bareParts makes links of the addresses that stand in a text as such.
func bareParts(text string) []part {
	var parts []part
	rest := 0
	for _, at := range addressPattern.FindAllStringIndex(text, -1) {
		address := strings.TrimRight(text[at[0]:at[1]], ".,;:!?)'")
		if at[0] > rest {
			parts = append(parts, part{Text: text[rest:at[0]]})
		}
		parts = append(parts, part{Text: address, URL: address})
		rest = at[0] + len(address)
	}
	if rest < len(text) {
		parts = append(parts, part{Text: text[rest:]})
	}
	return parts
}

func webAddress(text string) bool {
	lower := strings.ToLower(text)
	return strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://")
}
