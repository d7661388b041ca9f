package ui

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"rsc.io/qr/coding"
)

func TestACodeUnderAnotherMaskDiffersInItsFormatAlone(t *testing.T) {
	for _, text := range []string{"A", "http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY", strings.Repeat("桥", 80)} {
		var version coding.Version = 13
		plan, first, err := build(text, version, 0)
		require.NoError(t, err)
		bare := first.under(plan, 0)
		require.Equal(t, first, bare.under(plan, 0))
		for mask := coding.Mask(1); mask < masks; mask++ {
			_, made, err := build(text, version, mask)
			require.NoError(t, err)
			guessed := bare.under(plan, mask)
			for i := range made.dark {
				if role := plan.Pixel[i/made.n][i%made.n].Role(); role != coding.Format {
					require.Equal(t, made.dark[i], guessed.dark[i], "mask %d, module %d (%s)", mask, i, role)
				}
			}
		}
	}
}

func TestPenaltyOfPatterns(t *testing.T) {
	drawn := func(rows ...string) code {
		c := code{n: len(rows)}
		for _, r := range rows {
			for _, m := range r {
				c.dark = append(c.dark, byte(m-'0'))
			}
		}
		return c
	}
	for name, it := range map[string]struct {
		of   code
		want int
	}{
		"a chequered half":        {drawn("0101", "1010", "0101", "1010"), 0},
		"a block":                 {drawn("1101", "1100", "0011", "0100"), 3},
		"all dark":                {drawn("11", "11"), 3 + 100},
		"three quarters dark":     {drawn("11", "10"), 50},
		"a run of six, 42 % dark": {drawn("000000", "101010", "010101", "101010", "010101", "111000"), 4 + 10},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, it.want, it.of.penalty()) })
	}
	for _, finder := range []string{"10111010000", "00001011101"} {
		c := drawn(finder)
		c.n = len(finder)
		require.Equal(t, 40, c.line(0, 1), finder)
	}
}
