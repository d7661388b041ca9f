package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"qiao/ui"
	"qiao/ui/chromium"
	"qiao/ui/samples"
)

// shoot takes a screenshot of every sample: on the screen it is seen on, the login pages and consent on both, light and
// dark.
func shoot(base, dir, only string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	b, err := chromium.Start(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	for _, screen := range []struct {
		name string
		look chromium.Look
	}{
		{"desktop", chromium.Desktop()},
		{"phone", chromium.Phone()},
		{"desktop-dark", chromium.Look{Width: 1280, Height: 900, Dark: true}},
		{"phone-dark", chromium.Look{Width: 390, Height: 844, Mobile: true, Dark: true}},
	} {
		tab, err := b.Open(ctx, screen.look)
		if err != nil {
			return err
		}
		for _, lang := range []string{ui.Chinese, ui.English} {
			for _, s := range samples.All(lang) {
				name := strings.Join([]string{s.Name, lang, screen.name}, ".")
				if (s.Phone && !screen.look.Mobile) || !strings.Contains(name, only) {
					continue
				}
				look := screen.look
				look.NoScript = s.Name == "login-confirmed" // its script goes on at once
				if err := tab.Look(ctx, look); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if err := tab.Go(ctx, base+"/page/"+lang+"/"+s.Name); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				png, err := tab.Screenshot(ctx)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
					return fmt.Errorf("write screenshot: %w", err)
				}
			}
		}
		if err := tab.Close(ctx); err != nil {
			return err
		}
	}
	return nil
}
