package main

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quietZone is the margin in modules that scanners need (ISO/IEC 18004).
const quietZone = 4

// halfBlocks draws a QR code with two modules in a character. With colours it sets black on white itself, by the fixed
// part of the palette that themes leave alone, and so is the same on dark and light terminals. Without, the light modules
// are the ones that are drawn, which is right on a dark terminal.
func halfBlocks(text string, colours bool) (string, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("draw qr code: %w", err)
	}
	n := code.Bounds().Dx()
	ink := func(x, y int) bool {
		dark := false
		if x >= 0 && y >= 0 && x < n && y < n {
			r, _, _, _ := code.At(x, y).RGBA()
			dark = r == 0
		}
		return dark == colours
	}
	before, after := "", "\n"
	if colours {
		before, after = "\x1b[38;5;16;48;5;231m", "\x1b[0m\n"
	}
	var b strings.Builder
	for y := -quietZone; y < n+quietZone; y += 2 {
		b.WriteString(before)
		for x := -quietZone; x < n+quietZone; x++ {
			switch top, bottom := ink(x, y), ink(x, y+1); {
			case top && bottom:
				b.WriteString("█")
			case top:
				b.WriteString("▀")
			case bottom:
				b.WriteString("▄")
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString(after)
	}
	return b.String(), nil
}
