package ui

import (
	"errors"
	"fmt"

	"rsc.io/qr/coding"
)

// code is a QR code: n rows of n modules, set where they are dark.
type code struct {
	n    int
	rows []line
}

func (c code) dark(x, y int) bool { return c.rows[y].has(x) }

// masks is how many patterns ISO/IEC 18004 has to choose from. Each repeats itself within maskPeriod rows.
const (
	masks      = 8
	maskPeriod = 12
)

// encode makes a QR code of level M in the smallest version that holds the text, under the mask with the least penalty
// (ISO/IEC 18004 §7.8.3). Every login draws one: the masks are compared on a copy whose few bits that name the mask are
// still those of the first, and only the winner gets its own.
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
	d, err := newDraft(text, version)
	if err != nil {
		return code{}, fmt.Errorf("draw qr code: %w", err)
	}
	best, least := coding.Mask(0), d.first.penalty()
	for mask := coding.Mask(1); mask < masks; mask++ {
		if p := d.under(mask).penalty(); p < least {
			best, least = mask, p
		}
	}
	c, err := d.made(best)
	if err != nil {
		return code{}, fmt.Errorf("draw qr code: %w", err)
	}
	return c, nil
}

// draft is a code under the first mask, and where its content stands, which a mask inverts.
type draft struct {
	version coding.Version
	first   code
	content []line
}

func newDraft(text string, version coding.Version) (draft, error) {
	plan, err := coding.NewPlan(version, coding.M, 0)
	if err != nil {
		return draft{}, err
	}
	made, err := plan.Encode(coding.String(text))
	if err != nil {
		return draft{}, err
	}
	d := draft{version, code{made.Size, make([]line, made.Size)}, make([]line, made.Size)}
	for y, row := range plan.Pixel {
		for x, pixel := range row {
			if made.Black(x, y) {
				d.first.rows[y].set(x)
			}
			if inContent(pixel) {
				d.content[y].set(x)
			}
		}
	}
	return d, nil
}

func inContent(pixel coding.Pixel) bool {
	r := pixel.Role()
	return r == coding.Data || r == coding.Check || r == coding.Extra
}

// under is the code with its content under another mask, and the rest as it was.
func (d draft) under(mask coding.Mask) code {
	var period [maskPeriod]line
	for y := range period {
		for x := range d.first.n {
			if mask.Invert(y, x) != ((x+y)%2 == 0) { // which is what the first mask inverts
				period[y].set(x)
			}
		}
	}
	c := code{d.first.n, make([]line, d.first.n)}
	for y := range c.rows {
		c.rows[y] = d.first.rows[y].xor(d.content[y].and(period[y%maskPeriod]))
	}
	return c
}

// made is the whole code under a mask: the modules that name the mask are of its own plan.
func (d draft) made(mask coding.Mask) (code, error) {
	if mask == 0 {
		return d.first, nil
	}
	plan, err := coding.NewPlan(d.version, coding.M, mask)
	if err != nil {
		return code{}, err
	}
	c := d.under(mask)
	for y, row := range plan.Pixel {
		c.rows[y] = c.rows[y].and(d.content[y])
		for x, pixel := range row {
			if pixel&coding.Black != 0 && !inContent(pixel) {
				c.rows[y].set(x)
			}
		}
	}
	return c, nil
}
