package ui

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
)

// enough is the contrast that WCAG 2.2 asks of text (1.4.3).
const enough = 4.5

// colour is one of sRGB, each part from 0 to 255.
type colour [3]float64

var colourPattern = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)

// parseColour reads #rrggbb.
func parseColour(text string) (colour, error) {
	if !colourPattern.MatchString(text) {
		return colour{}, fmt.Errorf("%q is not a colour: write it as #rrggbb, such as #0b6e5b", text)
	}
	var c colour
	for i := range c {
		n, err := strconv.ParseUint(text[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return c, fmt.Errorf("read colour: %w", err)
		}
		c[i] = float64(n)
	}
	return c, nil
}

func (c colour) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(c[0]), int(c[1]), int(c[2]))
}

// mix is c with part (0 to 1) of the other, in whole steps, so that what is checked is what is shown.
func (c colour) mix(other colour, part float64) colour {
	for i := range c {
		c[i] = math.Round(c[i]*(1-part) + other[i]*part)
	}
	return c
}

// contrast is the ratio of WCAG 2.2, between 1 and 21.
func (c colour) contrast(other colour) float64 {
	a, b := c.luminance(), other.luminance()
	return (max(a, b) + 0.05) / (min(a, b) + 0.05)
}

func (c colour) luminance() float64 {
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		part := c[i] / 255
		if part <= 0.04045 {
			part /= 12.92
		} else {
			part = math.Pow((part+0.055)/1.055, 2.4)
		}
		sum += weight * part
	}
	return sum
}

// until mixes c with the other, a hundredth at a time, until its contrast with each ground is enough. The other is black
// or white, which is enough on every ground that the pages have.
func (c colour) until(other colour, least float64, grounds ...colour) colour {
	for part := range 101 {
		mixed := c.mix(other, float64(part)/100)
		if mixed.least(grounds...) >= least {
			return mixed
		}
	}
	return other
}

// least is the smallest contrast with one of the grounds.
func (c colour) least(grounds ...colour) float64 {
	ratio := 21.0
	for _, ground := range grounds {
		ratio = min(ratio, c.contrast(ground))
	}
	return ratio
}
