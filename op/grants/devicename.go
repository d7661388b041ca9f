package grants

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDeviceName is in characters: it stands in one line of a phone's page and of a chat.
const maxDeviceName = 32

// deviceName cleans the name that a device gives itself, and drops one that is too long to be a name. A person reads it
// on the page that asks for approval, so nothing is left of it that could pass for our own words or for a link: no line
// breaks, no control and direction characters, no full stops, slashes, colons and quotes.
func deviceName(text string) string {
	if !utf8.ValidString(text) {
		return ""
	}
	var b strings.Builder
	n, marks, space := 0, 0, false
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Cf, r), strings.ContainsRune(unseenLetters, r), unicode.IsMark(r) && (n == 0 || space || marks == 2):
			continue // not seen, or heaped up on a letter
		case unicode.IsMark(r):
			marks++
		case unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune("-_+&#'’()（）·", r):
			marks = 0
		default:
			space = n > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			n, space = n+1, false
		}
		b.WriteRune(r)
		if n++; n > maxDeviceName {
			return ""
		}
	}
	return b.String()
}

// unseenLetters are letters by Unicode's word and blank on every screen.
const unseenLetters = "\u115f\u1160\u3164\uffa0"
