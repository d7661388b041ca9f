package ui

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"rsc.io/qr/coding"
)

// code is a QR code: n rows of n modules, set where they are dark.
type code struct {
	n    int
	rows []line
}

func (c code) dark(x, y int) bool { return c.rows[y].has(x) }

// masks is how many patterns ISO/IEC 18004 has to choose from.
const masks = 8

// encode makes a QR code of level M in the smallest version that holds the text, under the mask with the least penalty
// (ISO/IEC 18004 §7.8.3). Every login draws one: what does not depend on the text is kept from code to code.
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
	b, err := blanks[version]()
	if err != nil {
		return code{}, fmt.Errorf("draw qr code: %w", err)
	}
	content := b.content(text)
	c, best, least := newCode(content.n), 0, math.MaxInt
	for mask := range masks {
		c.lay(b.compared[mask], content)
		if p := c.penalty(least); p < least {
			best, least = mask, p
		}
	}
	c.lay(b.masked[best], content)
	return c, nil
}

// blanks are the blanks of each version, made when the first text needs one.
var blanks = func() (all [coding.MaxVersion + 1]func() (blank, error)) {
	for version := range all {
		all[version] = sync.OnceValues(func() (blank, error) { return newBlank(coding.Version(version)) })
	}
	return all
}()

// blank is all of a version's codes that does not depend on the text.
type blank struct {
	version coding.Version
	places  []place
	// masked is the code under each mask before any bit of the text: one that is set inverts its module.
	masked [masks]code
	// compared is the same for the choice of the mask: the few modules that name one are those of the first.
	compared [masks]code
}

// place is where a bit of the text, or of what corrects its errors, stands.
type place struct{ x, y uint8 }

func newBlank(version coding.Version) (blank, error) {
	b := blank{version: version}
	for mask := range masks {
		plan, err := coding.NewPlan(version, coding.M, coding.Mask(mask))
		if err != nil {
			return blank{}, err
		}
		b.places = make([]place, 8*(plan.DataBytes+plan.CheckBytes))
		b.masked[mask], b.compared[mask] = newCode(len(plan.Pixel)), newCode(len(plan.Pixel))
		for y, row := range plan.Pixel {
			for x, pixel := range row {
				role, dark := pixel.Role(), pixel&coding.Black != 0
				if role == coding.Data || role == coding.Check {
					b.places[pixel.Offset()] = place{uint8(x), uint8(y)}
				}
				if dark {
					b.masked[mask].rows[y].set(x)
				}
				if role == coding.Format {
					dark = b.masked[0].dark(x, y)
				}
				if dark {
					b.compared[mask].rows[y].set(x)
				}
			}
		}
	}
	return b, nil
}

func newCode(n int) code { return code{n, make([]line, n)} }

// content is a code with nothing but the text's bits and those that correct its errors.
func (b blank) content(text string) code {
	var bits coding.Bits
	coding.String(text).Encode(&bits, b.version)
	bits.AddCheckBytes(b.version, coding.M)
	c, bytes := newCode(b.masked[0].n), bits.Bytes()
	for i, at := range b.places {
		if bytes[i/8]>>(7-i%8)&1 == 1 {
			c.rows[at.y].set(int(at.x))
		}
	}
	return c
}

// lay makes c of a blank and the content that is laid over it.
func (c code) lay(blank, content code) {
	for y := range c.rows {
		c.rows[y] = blank.rows[y].xor(content.rows[y])
	}
}
