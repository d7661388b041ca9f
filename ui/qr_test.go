package ui

import (
	"bytes"
	"image/png"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The picture is read back by another program.
func TestQRIsReadByAScanner(t *testing.T) {
	reader, err := exec.LookPath("zbarimg")
	require.NoError(t, err, "install zbar-tools: it reads the QR codes back")
	for _, text := range []string{
		"http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY", "https://id.example.com/scan/dGhpcyBpcyBhIHNjZW5l?x=1&y=%E6%A1%A5", "A",
		strings.Repeat("x", 300),
	} {
		picture, err := QRPNG(text)
		require.NoError(t, err)
		cmd := exec.Command(reader, "--quiet", "--raw", "-")
		cmd.Stdin = bytes.NewReader(picture)
		got, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, text, strings.TrimSuffix(string(got), "\n"))
	}
}

func TestQRIsBlackOnWhiteWithAQuietZone(t *testing.T) {
	const text = "http://weixin.qq.com/q/02fZ9vN4kWbpE1x0mR1xcY"
	raw, err := QRPNG(text)
	require.NoError(t, err)
	img, err := png.Decode(bytes.NewReader(raw))
	require.NoError(t, err)
	p, err := draw(text)
	require.NoError(t, err)
	scale := img.Bounds().Dx() / p.Size
	require.Equal(t, 12, scale)
	black := func(mx, my int) bool {
		r, _, _, _ := img.At(mx*scale+scale/2, my*scale+scale/2).RGBA()
		return r == 0
	}
	for i := range p.Size {
		for j := range quiet {
			for _, at := range [][2]int{{i, j}, {j, i}, {i, p.Size - 1 - j}, {p.Size - 1 - j, i}} {
				require.False(t, black(at[0], at[1]), "the quiet zone is white")
			}
		}
	}
	require.True(t, black(quiet, quiet), "a finder pattern stands in the corner")
	svg, err := QRSVG(text)
	require.NoError(t, err)
	require.Contains(t, svg, p.Path)
	require.Contains(t, svg, `fill="#fff"`)
	require.Contains(t, svg, `fill="#000"`)
	require.Zero(t, p.side()%p.Size, "whole pixels a module")
	require.LessOrEqual(t, p.side(), 264)
}

func TestQROfNothingOrTooMuch(t *testing.T) {
	for _, text := range []string{"", strings.Repeat("長", 4000)} {
		_, err := QRSVG(text)
		require.Error(t, err)
		_, err = QRPNG(text)
		require.Error(t, err)
	}
}
