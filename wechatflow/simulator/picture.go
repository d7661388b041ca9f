package simulator

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"

	"github.com/boombuler/barcode/qr"
)

// showQRCode is the picture of a code. It needs no authorization: who has the ticket may see it.
func (s *Simulator) showQRCode(w http.ResponseWriter, r *http.Request) {
	const path = "/cgi-bin/showqrcode"
	s.mu.Lock()
	s.called[path]++
	c := s.tickets[r.URL.Query().Get("ticket")]
	gone := c == nil || c.expired(s.now())
	s.mu.Unlock()
	if gone {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	picture, err := qrPicture(c.url)
	if err != nil {
		s.log.ErrorContext(r.Context(), "picture of a code failed", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(picture) // the other side is gone: there is nobody to tell
}

// qrPicture draws a text as the platform does: black on white, 430 pixels or a little less, with the quiet zone of four
// modules that the standard asks for.
func qrPicture(text string) ([]byte, error) {
	const quiet, size = 4, 430
	modules, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("encode qr code: %w", err)
	}
	n := modules.Bounds().Dx()
	scale := size / (n + 2*quiet)
	side := (n + 2*quiet) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range n * scale {
		for x := range n * scale {
			if dark, _, _, _ := modules.At(x/scale, y/scale).RGBA(); dark == 0 {
				img.SetColorIndex(x+quiet*scale, y+quiet*scale, 1)
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("encode png: %w", err)
	}
	return out.Bytes(), nil
}
