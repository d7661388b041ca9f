package ui

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"rsc.io/qr/coding"
)

// Under every mask a code is the one that the library makes of the same plan.
func TestACodeUnderEachMask(t *testing.T) {
	for _, text := range []string{"A", "http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY", strings.Repeat("桥", 80), strings.Repeat("z", 2000)} {
		version := coding.Version(1)
		for content := coding.String(text); content.Bits(version) > version.DataBytes(coding.M)*8; version++ {
		}
		b, err := newBlank(version)
		require.NoError(t, err)
		for mask := coding.Mask(0); mask < masks; mask++ {
			plan, err := coding.NewPlan(version, coding.M, mask)
			require.NoError(t, err)
			want, err := plan.Encode(coding.String(text))
			require.NoError(t, err)
			got := newCode(b.masked[mask].n)
			got.lay(b.masked[mask], b.content(text))
			require.Equal(t, want.Size, got.n)
			for i := range want.Size * want.Size {
				x, y := i%want.Size, i/want.Size
				if want.Black(x, y) != got.dark(x, y) {
					t.Fatalf("version %d, mask %d, column %d, row %d", version, mask, x, y)
				}
			}
			require.Equal(t, plainPenalty(got), got.penalty(math.MaxInt), "version %d, mask %d", version, mask)
		}
	}
}

// Of the masks the one with the least penalty is taken, the first where there are two.
func TestTheMaskIsTheOneWithTheLeastPenalty(t *testing.T) {
	first, err := coding.NewPlan(3, coding.M, 0)
	require.NoError(t, err)
	seen := map[coding.Mask]bool{}
	for i := range 60 {
		text := fmt.Sprintf("https://id.example/scan/%012d", i*i*i*7919)
		best, least := coding.Mask(0), math.MaxInt
		for mask := coding.Mask(0); mask < masks; mask++ {
			plan, err := coding.NewPlan(3, coding.M, mask)
			require.NoError(t, err)
			made, err := plan.Encode(coding.String(text))
			require.NoError(t, err)
			tried := newCode(made.Size)
			for at := range made.Size * made.Size {
				x, y := at%made.Size, at/made.Size
				dark := made.Black(x, y)
				if plan.Pixel[y][x].Role() == coding.Format { // compared as if it named the first mask
					dark = first.Pixel[y][x]&coding.Black != 0
				}
				if dark {
					tried.rows[y].set(x)
				}
			}
			if p := plainPenalty(tried); p < least {
				best, least = mask, p
			}
		}
		got, err := encode(text)
		require.NoError(t, err)
		b, err := blanks[3]()
		require.NoError(t, err)
		want := newCode(got.n)
		want.lay(b.masked[best], b.content(text))
		require.Equal(t, want, got, text)
		seen[best] = true
	}
	require.GreaterOrEqual(t, len(seen), masks-1, "the texts are of all sorts")
}

func drawn(rows ...string) code {
	c := code{len(rows), make([]line, len(rows))}
	for y, r := range rows {
		for x, m := range r {
			if m == '1' {
				c.rows[y].set(x)
			}
		}
	}
	return c
}

func TestPenaltyOfPatterns(t *testing.T) {
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
		t.Run(name, func(t *testing.T) {
			require.Equal(t, it.want, it.of.penalty(math.MaxInt))
			require.Equal(t, it.want, plainPenalty(it.of))
		})
	}
	for _, finder := range []string{"10111010000", "00001011101"} {
		for at := range 3 {
			rows := make([]string, 13)
			for y := range rows {
				rows[y] = strings.Repeat("01", 7)[y%2 : 13+y%2] // no block, no run
			}
			rows[5] = rows[5][:at] + finder + rows[5][at+11:]
			c := drawn(rows...)
			require.GreaterOrEqual(t, c.finders(), 1, finder)
			require.Equal(t, plainPenalty(c), c.penalty(math.MaxInt), finder)
			require.Equal(t, plainPenalty(turned(c)), turned(c).penalty(math.MaxInt), finder)
		}
	}
}

func turned(c code) code {
	other := code{c.n, make([]line, c.n)}
	for y := range c.n {
		for x := range c.n {
			if c.dark(x, y) {
				other.rows[x].set(y)
			}
		}
	}
	return other
}

// plainPenalty is table 11 of ISO/IEC 18004 as it is written, a module at a time.
func plainPenalty(c code) int {
	sum, dark := 0, 0
	for i := range c.n {
		for _, at := range []func(k int) bool{func(k int) bool { return c.dark(k, i) }, func(k int) bool { return c.dark(i, k) }} {
			text := ""
			for k := range c.n {
				text += map[bool]string{true: "1", false: "0"}[at(k)]
			}
			for _, run := range strings.Fields(strings.ReplaceAll(strings.ReplaceAll(text, "10", "1 0"), "01", "0 1")) {
				if len(run) >= 5 {
					sum += len(run) - 2
				}
			}
			for k := range text {
				if strings.HasPrefix(text[k:], "10111010000") || strings.HasPrefix(text[k:], "00001011101") {
					sum += 40
				}
			}
		}
		for k := range c.n {
			if c.dark(i, k) {
				dark++
			}
			if i+1 < c.n && k+1 < c.n && c.dark(i, k) == c.dark(i+1, k) && c.dark(i, k) == c.dark(i, k+1) && c.dark(i, k) == c.dark(i+1, k+1) {
				sum += 3
			}
		}
	}
	total := c.n * c.n
	return sum + max(dark*20-total*10, total*10-dark*20)/total*10
}
