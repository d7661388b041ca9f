package chromium

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Look is how a Tab's screen is.
type Look struct {
	Width, Height int
	Mobile        bool
	Dark          bool
	UserAgent     string // empty: the browser's own
	NoScript      bool
	Lang          string // of Accept-Language, empty: the browser's own
}

// Desktop and Phone are the screens that the pages are looked at on.
func Desktop() Look { return Look{Width: 1280, Height: 900} }

// Phone is an ordinary phone's screen.
func Phone() Look { return Look{Width: 390, Height: 844, Mobile: true} }

// Tab is a page in a browser context of its own.
type Tab struct {
	b       *Browser
	context string
	target  string
	session string
	loaded  chan struct{} // one entry for each load event
}

// Open opens an empty tab.
func (b *Browser) Open(ctx context.Context, look Look) (*Tab, error) {
	t := &Tab{b: b, loaded: make(chan struct{}, 64)}
	var made struct{ BrowserContextID, TargetID, SessionID string }
	if err := b.call(ctx, "", "Target.createBrowserContext", map[string]any{}, &made); err != nil {
		return nil, err
	}
	t.context = made.BrowserContextID
	err := b.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": t.context}, &made)
	if err != nil {
		return nil, err
	}
	t.target = made.TargetID
	if err := b.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": t.target, "flatten": true}, &made); err != nil {
		return nil, err
	}
	t.session = made.SessionID
	b.mu.Lock()
	b.events[t.session] = append(b.events[t.session], func(method string, _ json.RawMessage) {
		if method == "Page.loadEventFired" {
			select {
			case t.loaded <- struct{}{}:
			default: // nobody waits for this many loads
			}
		}
	})
	b.mu.Unlock()
	if err := t.call(ctx, "Page.enable", nil, nil); err != nil {
		return nil, err
	}
	return t, t.Look(ctx, look)
}

// Look changes the screen.
func (t *Tab) Look(ctx context.Context, l Look) error {
	scheme := "light"
	if l.Dark {
		scheme = "dark"
	}
	steps := []struct {
		method string
		params map[string]any
	}{
		{"Emulation.setDeviceMetricsOverride", map[string]any{
			"width": l.Width, "height": l.Height, "deviceScaleFactor": 1, "mobile": l.Mobile,
		}},
		{"Emulation.setEmulatedMedia", map[string]any{
			"features": []map[string]any{{"name": "prefers-color-scheme", "value": scheme}},
		}},
		{"Emulation.setScriptExecutionDisabled", map[string]any{"value": l.NoScript}},
		{"Network.setUserAgentOverride", map[string]any{"userAgent": l.UserAgent, "acceptLanguage": l.Lang}},
	}
	for _, s := range steps {
		if err := t.call(ctx, s.method, s.params, nil); err != nil {
			return err
		}
	}
	return nil
}

// Visit opens an address and does not wait: some pages go on by themselves before they are loaded.
func (t *Tab) Visit(ctx context.Context, url string) error {
	var result struct{ ErrorText string }
	if err := t.call(ctx, "Page.navigate", map[string]any{"url": url}, &result); err != nil {
		return err
	}
	if result.ErrorText != "" {
		return fmt.Errorf("open page: %s", result.ErrorText)
	}
	return nil
}

// Go opens an address and waits until it is loaded.
func (t *Tab) Go(ctx context.Context, url string) error {
	for len(t.loaded) > 0 {
		<-t.loaded
	}
	if err := t.Visit(ctx, url); err != nil {
		return err
	}
	select {
	case <-t.loaded:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("open page: %w", ctx.Err())
	}
}

// Before runs a script in every page that the tab opens from now on, ahead of the page's own.
func (t *Tab) Before(ctx context.Context, script string) error {
	return t.call(ctx, "Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": script}, nil)
}

// Eval runs an expression in the page and decodes its value; a promise is awaited. The page's policy does not apply.
func (t *Tab) Eval(ctx context.Context, expression string, value any) error {
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	err := t.call(ctx, "Runtime.evaluate", map[string]any{
		"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true,
	}, &r)
	if err != nil {
		return err
	}
	if r.ExceptionDetails != nil {
		return fmt.Errorf("in the page: %s %s", r.ExceptionDetails.Text, r.ExceptionDetails.Exception.Description)
	}
	if value == nil {
		return nil
	}
	if len(r.Result.Value) == 0 {
		return json.Unmarshal([]byte("null"), value)
	}
	return json.Unmarshal(r.Result.Value, value)
}

// Until evaluates a condition until it holds, also across navigations, or until ctx ends.
func (t *Tab) Until(ctx context.Context, condition string) error {
	every := time.NewTicker(25 * time.Millisecond)
	defer every.Stop()
	for {
		var ok bool
		err := t.Eval(ctx, "!!("+condition+")", &ok)
		if err == nil && ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w (last: %w)", condition, ctx.Err(), err)
		case <-every.C:
		}
	}
}

// Screenshot is a PNG of the whole page.
func (t *Tab) Screenshot(ctx context.Context) ([]byte, error) {
	var r struct{ Data string }
	if err := t.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &r); err != nil {
		return nil, err
	}
	return decode(r.Data)
}

// Close closes the tab and forgets its cookies.
func (t *Tab) Close(ctx context.Context) error {
	t.b.mu.Lock()
	delete(t.b.events, t.session)
	t.b.mu.Unlock()
	return t.b.call(ctx, "", "Target.disposeBrowserContext", map[string]any{"browserContextId": t.context}, nil)
}

func (t *Tab) call(ctx context.Context, method string, params, result any) error {
	if params == nil {
		params = map[string]any{}
	}
	return t.b.call(ctx, t.session, method, params, result)
}
