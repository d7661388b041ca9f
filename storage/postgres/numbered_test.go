package postgres

import (
	"strconv"
	"testing"

	"qiao/storage"
)

func TestNumbered(t *testing.T) {
	for query, want := range map[string]string{
		`SELECT 1`:                              `SELECT 1`,
		`SELECT a FROM b WHERE c = ? AND d = ?`: `SELECT a FROM b WHERE c = $1 AND d = $2`,
		`SELECT '?' WHERE c = ? AND d = '关注?'`:  `SELECT '?' WHERE c = $1 AND d = '关注?'`,
		`VALUES ('it''s ?', ?)`:                 `VALUES ('it''s ?', $1)`,
		`VALUES (?,?,?,?,?,?,?,?,?,?,?)`:        `VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`,
	} {
		var s statements
		for range 2 {
			if got := s.numbered(query); got != want {
				t.Errorf("%s: got %s, want %s", query, got, want)
			}
		}
	}
}

// The statements hold the contract's figures as text.
func TestFiguresAreTheContracts(t *testing.T) {
	for text, want := range map[string]int64{
		refreshRepeats: storage.RefreshRepeats,
		refreshGrace:   storage.RefreshGrace.Microseconds(),
		mostAccess:     storage.MaxAccessTokens * storage.AccessTokenSize,
	} {
		if got, err := strconv.ParseInt(text, 10, 64); err != nil || got != want {
			t.Errorf("%s: want %d", text, want)
		}
	}
}
