package postgres

import "testing"

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
