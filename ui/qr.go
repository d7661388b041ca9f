package ui

import (
	"bytes"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"math/bits"
	"strconv"
)

// quiet is the white margin in modules that ISO/IEC 18004 asks for.
const quiet = 4

// picture is a QR code as one path over a white square of Size modules.
type picture struct {
	Size int
	Path string
}

// side is how wide the code is drawn, in whole pixels a module: a fraction would draw modules of unequal width.
func (p picture) side() int { return max(1, 264/p.Size) * p.Size }

// attributes are those of a picture's elements. They hold nothing but numbers and the letters of a path.
type attributes struct{ Box, Ground, Modules template.HTMLAttr }

func (p picture) attributes() attributes {
	return attributes{
		Box:     template.HTMLAttr(fmt.Sprintf(`width="%d" height="%d" viewBox="0 0 %d %d"`, p.side(), p.side(), p.Size, p.Size)),
		Ground:  template.HTMLAttr(fmt.Sprintf(`d="M0 0h%dv%dH0z"`, p.Size, p.Size)),
		Modules: template.HTMLAttr(`d="` + p.Path + `"`),
	}
}

// QRSVG is the code as an SVG document, black on white also on dark pages: many scanners refuse inverted codes. The
// login script reads its viewBox and its second path.
func QRSVG(text string) (string, error) {
	p, err := draw(text)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`+
		`<path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="%s"/></svg>`, p.Size, p.Size, p.Size, p.Size, p.Path), nil
}

// QRPNG is the code as a picture to save, 12 pixels a module so that it survives being sent through a chat.
func QRPNG(text string) ([]byte, error) {
	const scale = 12
	code, err := encode(text)
	if err != nil {
		return nil, err
	}
	n := code.n
	side := (n + 2*quiet) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			mx, my := x/scale-quiet, y/scale-quiet
			if mx >= 0 && my >= 0 && mx < n && my < n && code.dark(mx, my) {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("write qr picture: %w", err)
	}
	return out.Bytes(), nil
}

// runs are the outlines of that many dark modules in a row.
var runs = func() (all [65]string) {
	for n := range all {
		all[n] = fmt.Sprintf("h%dv1h-%dz", n, n)
	}
	return all
}()

// draw joins the dark modules of each row into runs.
func draw(text string) (picture, error) {
	code, err := encode(text)
	if err != nil {
		return picture{}, err
	}
	path := make([]byte, 0, 4*code.n*code.n) // room for a run in every fourth module
	for y, row := range code.rows {
		beside := " " + strconv.Itoa(y+quiet)
		for x := quiet; row != (line{}); {
			light := bits.TrailingZeros64(row.a)
			row, x = row.from(light), x+light
			dark := bits.TrailingZeros64(^row.a)
			if dark == 0 {
				continue // 64 light ones
			}
			path = strconv.AppendInt(append(path, 'M'), int64(x), 10)
			path = append(append(path, beside...), runs[dark]...)
			row, x = row.from(dark), x+dark
		}
	}
	return picture{Size: code.n + 2*quiet, Path: string(path)}, nil
}
