package ui

import (
	"errors"
	"fmt"
	"slices"

	"rsc.io/qr/coding"
)

// code is a QR code: n rows of n modules, 1 where it is dark.
type code struct {
	n    int
	dark []byte
}

// masks is how many patterns ISO/IEC 18004 has to choose from.
const masks = 8

// encode makes a QR code of level M in the smallest version that holds the text, under the mask with the least penalty
// (ISO/IEC 18004 §7.8.3). Every login draws one: the masks are compared on a copy whose few bits that name the mask are
// still those of the first, and only the winner is made in full.
func encode(text string) (code, error) {
	if text == "" {
		return code{}, errors.New("draw qr code: no text")
	}
	version := coding.Version(coding.MinVersion)
	for content := coding.String(text); content.Bits(version) > version.DataBytes(coding.M)*8; version++ {
		if version == coding.MaxVersion {
			return code{}, errors.New("draw qr code: the text is too long")
		}
	}
	plan, first, err := build(text, version, 0)
	if err != nil {
		return code{}, err
	}
	best, least := coding.Mask(0), first.penalty()
	bare := first.under(plan, 0)
	for mask := coding.Mask(1); mask < masks; mask++ {
		if p := bare.under(plan, mask).penalty(); p < least {
			best, least = mask, p
		}
	}
	if best == 0 {
		return first, nil
	}
	_, c, err := build(text, version, best)
	return c, err
}

func build(text string, version coding.Version, mask coding.Mask) (*coding.Plan, code, error) {
	plan, err := coding.NewPlan(version, coding.M, mask)
	if err != nil {
		return nil, code{}, fmt.Errorf("draw qr code: %w", err)
	}
	made, err := plan.Encode(coding.String(text))
	if err != nil {
		return nil, code{}, fmt.Errorf("draw qr code: %w", err)
	}
	c := code{made.Size, make([]byte, made.Size*made.Size)}
	for y := range c.n {
		for x := range c.n {
			if made.Black(x, y) {
				c.dark[y*c.n+x] = 1
			}
		}
	}
	return plan, c, nil
}

// under is the code with the modules of its content inverted where the mask says so. Twice the same is the code again.
func (c code) under(plan *coding.Plan, mask coding.Mask) code {
	masked := code{c.n, slices.Clone(c.dark)}
	for y, row := range plan.Pixel {
		line := masked.dark[y*c.n:]
		for x, pixel := range row {
			if r := pixel.Role(); (r == coding.Data || r == coding.Check || r == coding.Extra) && mask.Invert(y, x) {
				line[x] ^= 1
			}
		}
	}
	return masked
}

// penalty is how much the code looks like what confuses scanners (ISO/IEC 18004 §7.8.3.1, table 11).
func (c code) penalty() int {
	sum, dark := 0, 0
	for i := range c.n {
		sum += c.line(i*c.n, 1) + c.line(i, c.n)
	}
	for y := range c.n {
		for x := range c.n {
			at := y*c.n + x
			dark += int(c.dark[at])
			if x+1 < c.n && y+1 < c.n && c.dark[at] == c.dark[at+1] && c.dark[at] == c.dark[at+c.n] && c.dark[at] == c.dark[at+c.n+1] {
				sum += 3 // a block of 2 by 2
			}
		}
	}
	total := c.n * c.n
	return sum + abs(dark*20-total*10)/total*10 // 10 for every 5 % away from a half
}

// A finder pattern with its four light modules on one side, as bits.
const (
	finderBefore = 0b00001011101
	finderAfter  = 0b10111010000
)

// line is the penalty of one row or column: long runs, and what looks like a finder pattern.
func (c code) line(at, step int) int {
	sum, run, last, window := 0, 0, byte(2), 0
	for i := range c.n {
		m := c.dark[at+i*step]
		if m == last {
			run++
		} else {
			last, run = m, 1
		}
		switch {
		case run == 5:
			sum += 3
		case run > 5:
			sum++
		}
		window = window<<1&0x7ff | int(m)
		if i >= 10 && (window == finderBefore || window == finderAfter) {
			sum += 40
		}
	}
	return sum
}

func abs(n int) int { return max(n, -n) }
