package postgres

import (
	"strconv"
	"strings"
	"sync"
)

// statements keeps relational's statements as PostgreSQL wants them.
type statements struct{ done sync.Map }

// numbered writes a statement's ? as $1, $2 … The statements are constants of relational, a few hundred at most, so each
// is written once and kept. A ? within quotes is text.
func (s *statements) numbered(query string) string {
	if done, ok := s.done.Load(query); ok {
		return done.(string)
	}
	var b strings.Builder
	parameter, quoted := 0, false
	for _, c := range query {
		switch {
		case c == '\'':
			quoted = !quoted
			b.WriteRune(c)
		case c == '?' && !quoted:
			parameter++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(parameter))
		default:
			b.WriteRune(c)
		}
	}
	s.done.Store(query, b.String())
	return b.String()
}
