package main

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/cmd/qiao/device/stub"
)

// The code in the terminal is read back by another program, from the characters as a terminal draws them.
func TestHalfBlocksAreReadByAScanner(t *testing.T) {
	reader, err := exec.LookPath("zbarimg")
	require.NoError(t, err, "install zbar-tools: it reads the QR codes back")
	for _, text := range []string{"https://id.example.com/device?user_code=WDJB-MJHT", "A", strings.Repeat("x", 200)} {
		for name, colours := range map[string]bool{"colours": true, "plain on a dark terminal": false} {
			t.Run(name, func(t *testing.T) {
				drawn, err := halfBlocks(text, colours)
				require.NoError(t, err)
				cmd := exec.Command(reader, "--quiet", "--raw", "-")
				cmd.Stdin = bytes.NewReader(terminal(t, drawn, colours))
				got, err := cmd.Output()
				require.NoError(t, err)
				require.Equal(t, text, strings.TrimSuffix(string(got), "\n"))
			})
		}
	}
}

// terminal draws what a terminal would, 8 pixels a module, with a border of the terminal's own dark background.
func terminal(t *testing.T, drawn string, colours bool) []byte {
	t.Helper()
	const scale, border = 8, 40
	ink, paper := color.Gray{255}, color.Gray{0} // a dark terminal
	if colours {
		ink, paper = color.Gray{0}, color.Gray{255}
	}
	lines := strings.Split(strings.TrimSuffix(drawn, "\n"), "\n")
	var rows [][]rune
	for _, line := range lines {
		if colours {
			inside, ok := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
			require.True(t, ok)
			line, ok = strings.CutSuffix(inside, "\x1b[0m")
			require.True(t, ok, "the colours end with the line")
		}
		rows = append(rows, []rune(line))
	}
	img := image.NewGray(image.Rect(0, 0, len(rows[0])*scale+2*border, len(rows)*2*scale+2*border))
	for y := range len(rows) * 2 * scale {
		row := rows[y/(2*scale)]
		require.Len(t, row, len(rows[0]))
		for x := range len(row) * scale {
			top := y%(2*scale) < scale
			c := paper
			switch row[x/scale] {
			case '█':
				c = ink
			case '▀':
				if top {
					c = ink
				}
			case '▄':
				if !top {
					c = ink
				}
			case ' ':
			default:
				t.Fatalf("%q is no half block", row[x/scale])
			}
			img.SetGray(x+border, y+border, c)
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// play runs qiao tv at a provider, on a clock that only its pauses move.
func play(t *testing.T, p *stub.Provider, now *time.Time, cmd tvCmd, during func(n int)) (string, error) {
	t.Helper()
	var b bytes.Buffer
	n := 0
	err := cmd.signIn(t.Context(), out{&b}, func() time.Time { return *now }, func(ctx context.Context, d time.Duration) error {
		n++
		*now = now.Add(d)
		during(n)
		return ctx.Err()
	})
	return b.String(), err
}

func TestTVInTheTerminal(t *testing.T) {
	now := time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)
	p := stub.Start(t, func() time.Time { return now }, stub.Settings{
		WeChat: true, Claims: map[string]any{"phone_number": "+8613800001234", "name": "\x1b[31m春\u009b水"},
	})
	text, err := play(t, p, &now, tvCmd{Issuer: p.URL, ClientID: "tv", Scope: []string{"openid", "phone"}, DeviceName: "书房"}, func(n int) {
		p.Set(func(s *stub.Settings) {
			s.SlowDown = n == 1
			s.Decision = map[bool]string{true: "approve"}[n == 3]
		})
	})
	require.NoError(t, err)
	drawn, err := halfBlocks(p.URL+"/device?user_code=WDJB-MJHT", false)
	require.NoError(t, err)
	require.Contains(t, text, drawn)
	require.Contains(t, text, p.URL+"/device\n")
	require.Contains(t, text, "WDJB-MJHT")
	require.Contains(t, text, "/device/picture/")
	require.Contains(t, text, "the next poll is in 10s")
	require.Contains(t, text, `"phone_number": "+8613800001234"`)
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "\u009b")
	require.NotContains(t, text, "access-1")
	require.Equal(t, []string{"书房"}, p.Started()[0]["device_name"])
	require.Equal(t, []string{"refresh-1"}, p.Revoked(), "it leaves no TV behind")
}

func TestTVSaysWhatToChange(t *testing.T) {
	for name, x := range map[string]struct {
		settings stub.Settings
		change   func(*tvCmd)
		happens  func(*stub.Settings)
		want     string
	}{
		"the client is unknown":     {change: func(c *tvCmd) { c.ClientID = "other" }, want: "Check --client-id (other)"},
		"the secret is missing":     {settings: stub.Settings{Secret: "x"}, want: "--client-secret"},
		"the grant is missing":      {settings: stub.Settings{Error: "unauthorized_client"}, want: "grant_types must contain urn:ietf:params:oauth:grant-type:device_code"},
		"a scope is not allowed":    {settings: stub.Settings{Error: "invalid_scope"}, want: "Ask for fewer --scope (now: openid)"},
		"the issuer has a slash":    {change: func(c *tvCmd) { c.Issuer += "/" }, want: "up to the last slash"},
		"nobody is there":           {change: func(c *tvCmd) { c.Issuer = "http://127.0.0.1:1" }, want: "Is --issuer right?"},
		"it is down":                {settings: stub.Settings{Down: 503}, want: "Is --issuer right?"},
		"it was declined":           {happens: func(s *stub.Settings) { s.Decision = "decline" }, want: "declined on the phone"},
		"nobody came":               {want: "Run the command again"},
		"the ID token is another's": {happens: func(s *stub.Settings) { s.Decision, s.Audience = "approve", "other" }, want: "verify the ID token"},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)
			p := stub.Start(t, func() time.Time { return now }, x.settings)
			cmd := tvCmd{Issuer: p.URL, ClientID: "tv", Scope: []string{"openid"}}
			if x.change != nil {
				x.change(&cmd)
			}
			_, err := play(t, p, &now, cmd, func(int) {
				if x.happens != nil {
					p.Set(x.happens)
				}
			})
			require.ErrorContains(t, err, x.want)
			require.NotContains(t, err.Error(), "\x1b", "nothing of the provider is a command to the terminal")
		})
	}
}

func TestTVStopsByCtrlC(t *testing.T) {
	p := stub.Start(t, time.Now, stub.Settings{})
	ctx, stop := context.WithCancel(t.Context())
	var b bytes.Buffer
	err := tvCmd{Issuer: p.URL, ClientID: "tv"}.signIn(ctx, out{&b}, time.Now, func(ctx context.Context, d time.Duration) error {
		stop()
		return pause(ctx, d)
	})
	require.ErrorContains(t, err, "stopped")
	require.Empty(t, p.Polls())
}
