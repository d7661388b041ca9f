package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode"

	"qiao/cmd/qiao/device"
)

// tvCmd is qiao tv: what a TV app does, in the terminal, for those who write one.
type tvCmd struct {
	Issuer       string   `required:"" placeholder:"URL" help:"The provider's issuer, exactly as its discovery document writes it."`
	ClientID     string   `name:"client-id" required:"" placeholder:"ID" help:"A client that is registered for the device grant."`
	ClientSecret string   `name:"client-secret" env:"CLIENT_SECRET" placeholder:"SECRET" help:"Only for a confidential client; others on this machine can read command lines, so better in the environment."`
	Scope        []string `default:"openid,profile,phone" help:"Scopes to ask for."`
	DeviceName   string   `name:"device-name" default:"qiao tv" help:"What the phone shows as this device's (unverified) name."`
	Plain        bool     `help:"Draw the QR code without colours, for a dark terminal that has none."`
}

// Run signs this terminal in as a TV would be, prints who it was, and signs out again.
func (cmd tvCmd) Run(ctx context.Context, w out) error {
	return cmd.signIn(ctx, w, time.Now, pause)
}

func (cmd tvCmd) signIn(ctx context.Context, w out, now func() time.Time, pause func(context.Context, time.Duration) error) error {
	p := pace{w: w, pause: pause}
	client, err := device.Discover(ctx, device.Config{
		Issuer: cmd.Issuer, ClientID: cmd.ClientID, ClientSecret: cmd.ClientSecret, Scopes: cmd.Scope, DeviceName: cmd.DeviceName,
		HTTP: &http.Client{Timeout: 15 * time.Second}, Now: now, Pause: p.wait,
	})
	if err != nil {
		return cmd.explain(err)
	}
	a, err := client.Start(ctx)
	if err != nil {
		return cmd.explain(err)
	}
	if err := cmd.show(w, a); err != nil {
		return err
	}
	tokens, err := client.Wait(ctx, a)
	if err != nil {
		return cmd.explain(err)
	}
	// A refresh token would stay in the person's list of TVs. Also when Ctrl-C came meanwhile.
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := client.Revoke(ctx, tokens); err != nil {
			_, _ = fmt.Fprintln(w, "The tokens could not be revoked:", device.Printable(err.Error(), 200))
		}
	}()
	claims, err := client.Identify(ctx, tokens)
	if err != nil {
		return cmd.explain(err)
	}
	text, err := json.MarshalIndent(claims, "  ", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n  已登录，ID token 已验证，令牌随后吊销。\n  Signed in. The ID token is verified; the tokens are revoked now.\n\n  %s\n\n", printableLines(string(text)))
	return err
}

// show draws what a TV shows.
func (cmd tvCmd) show(w out, a device.Authorization) error {
	code, err := halfBlocks(a.QR(), !cmd.Plain && hasColours(w.Writer))
	if err != nil {
		return err
	}
	text := "\n" + code + "\n"
	if a.URIComplete == "" {
		text += "  (the provider has no verification_uri_complete: the code has to be typed)\n"
	}
	text += fmt.Sprintf("  网址 open     %s\n  代码 code     %s\n", a.URI, a.UserCode)
	if a.WeChatQR != "" {
		text += fmt.Sprintf("  图片 picture  %s.svg\n                (qiao_wechat_qr: show this one on the TV, and WeChat goes straight to the confirmation)\n", a.WeChatQR)
	}
	_, err = fmt.Fprintf(w, "%s\n  用手机微信扫码，%s 内有效，每 %s 询问一次；Ctrl-C 停止。\n  Scan it with WeChat within %[2]s. Polling every %[3]s; Ctrl-C stops.\n", text, strings.Replace(a.Lifetime.String(), "m0s", "m", 1), a.Interval)
	return err
}

// pace waits between polls, and says so when the pauses grow: a developer wants to know of a slow_down.
type pace struct {
	w     out
	pause func(context.Context, time.Duration) error
	last  time.Duration
}

func (p *pace) wait(ctx context.Context, d time.Duration) error {
	if p.last != 0 && d > p.last {
		_, _ = fmt.Fprintf(p.w, "  … slow_down, or no answer: the next poll is in %s\n", d)
	}
	p.last = d
	return p.pause(ctx, d)
}

// pause waits in real time.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// explain says what to change.
func (cmd tvCmd) explain(err error) error {
	said := device.Printable(err.Error(), 500)
	advise := func(advice string) error { return fmt.Errorf("%s\n%s", said, advice) }
	var answer *device.Error
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("stopped: nobody was signed in, and the code ends by itself")
	case errors.Is(err, device.ErrDenied):
		return errors.New("access_denied: it was declined on the phone")
	case errors.Is(err, device.ErrExpired):
		return advise("Nobody approved it in time. Run the command again for a new code.")
	case errors.Is(err, device.ErrNoDeviceGrant):
		return advise("Is this provider too old, or another product without RFC 8628?")
	case errors.As(err, &answer):
		switch answer.Code {
		case "invalid_client":
			return advise(fmt.Sprintf("Check --client-id (%s), and --client-secret: a public client has none, a confidential one needs it.", cmd.ClientID))
		case "unauthorized_client":
			return advise("Register the client for the device grant: grant_types must contain " + device.GrantType + ".")
		case "invalid_scope":
			return advise(fmt.Sprintf("Ask for fewer --scope (now: %s), or register them for the client; offline_access also needs the grant type refresh_token.", strings.Join(cmd.Scope, ",")))
		case "invalid_grant":
			return advise("The provider does not know the code any more. Run the command again for a new one.")
		}
		if answer.RetryAfter > 0 {
			return advise(fmt.Sprintf("Try again in %s.", answer.RetryAfter))
		}
	case strings.Contains(said, "did not match the issuer"):
		return advise("Write --issuer exactly as the provider does, up to the last slash.")
	case strings.HasPrefix(said, "discover"):
		return advise(fmt.Sprintf("Is --issuer right? Its discovery document must be at %s/.well-known/openid-configuration.", strings.TrimSuffix(cmd.Issuer, "/")))
	}
	return errors.New(said)
}

// printableLines drops control characters, which JSON leaves in where they are above 0x7f.
func printableLines(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}

// hasColours reports whether escape sequences reach a terminal that understands them.
func hasColours(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
