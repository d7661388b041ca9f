package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"qiao/storage"
	"qiao/storage/seal"
)

// Config is what a Client needs.
type Config struct {
	Account   Account
	APIBase   *url.URL          // stands in for api.weixin.qq.com; nil: the real host
	OpenBase  *url.URL          // stands in for open.weixin.qq.com, where browsers are sent; nil: the real host
	Transport http.RoundTripper // below ours; nil: one with deadlines
	Signals   storage.Signals
	Box       *seal.Box
	Log       *slog.Logger
	Now       func() time.Time
	Timeout   time.Duration // of a call with its token and its retry; 0: 4 s
}

// Client makes the calls of one account. It is safe for concurrent use.
type Client struct {
	account Account
	open    *url.URL
	http    *http.Client // for what the SDK does not do
	pool    *sdkPool
	tokens  *tokens
	log     *slog.Logger
	now     func() time.Time
	timeout time.Duration
}

// New checks the configuration. It makes no call.
func New(cfg Config) (*Client, error) {
	faults := []error{cfg.Account.Validate()}
	api, open := cfg.APIBase, cfg.OpenBase
	if api == nil {
		api, _ = url.Parse(realAPI)
	}
	if open == nil {
		open, _ = url.Parse(realOpen)
	}
	faults = append(faults, checkBase("wechat api base", api), checkBase("wechat open base", open))
	if cfg.Signals == nil || cfg.Box == nil || cfg.Log == nil || cfg.Now == nil {
		faults = append(faults, errors.New("wechat client: Signals, Box, Log and Now are needed"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 4 * time.Second
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	way := &transport{api: api, next: cfg.Transport, secret: cfg.Account.AppSecret}
	c := &Client{
		account: cfg.Account,
		open:    open,
		http:    &http.Client{Transport: way},
		pool: &sdkPool{
			idle: make(chan *sdk, 8),
			make: func() (*sdk, error) { return newSDK(cfg.Account.AppID, way, cfg.Timeout) },
		},
		log:     cfg.Log,
		now:     cfg.Now,
		timeout: cfg.Timeout,
	}
	c.tokens = &tokens{
		name: cfg.Account.AppID + "@" + api.Host, fetch: c.fetchToken, signals: cfg.Signals, box: cfg.Box,
		log: cfg.Log, now: cfg.Now, timeout: cfg.Timeout,
	}
	return c, nil
}

// Account returns the account that this client is for.
func (c *Client) Account() Account { return c.account }

// withToken makes a call through the SDK. A refused token is replaced, and the call made again, once.
func (c *Client) withToken(ctx context.Context, call string, do func(ctx context.Context, app *sdk) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	value, err := c.tokens.get(ctx)
	if err != nil {
		return c.tokenError(call, err)
	}
	err = c.once(ctx, call, value, do)
	if !tokenRefused(err) {
		return err
	}
	value, renewErr := c.tokens.replace(ctx, value)
	if renewErr != nil {
		return err // the platform's own answer says more than why there is no other token
	}
	return c.once(ctx, call, value, do)
}

func (c *Client) once(ctx context.Context, call, value string, do func(ctx context.Context, app *sdk) error) error {
	app, err := c.pool.take()
	if err != nil {
		return err
	}
	defer c.pool.give(app)
	app.token = value
	return ownError(call, do(ctx, app))
}

func (c *Client) tokenError(call string, err error) error {
	var api *APIError
	var own *callError
	if errors.As(err, &api) || errors.As(err, &own) {
		return fmt.Errorf("access token for %s: %w", call, err)
	}
	return &callError{call: call, text: "no access token in time", cause: err}
}

// fetchToken asks for the stable token: unlike cgi-bin/token, it is not invalidated by another system that asks too.
func (c *Client) fetchToken(ctx context.Context, force bool) (token, error) {
	const call = "cgi-bin/stable_token"
	body, err := json.Marshal(map[string]any{
		"grant_type": "client_credential", "appid": c.account.AppID, "secret": c.account.AppSecret, "force_refresh": force,
	})
	if err != nil {
		return token{}, fmt.Errorf("encode request for an access token: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, realAPI+call, bytes.NewReader(body))
	if err != nil {
		return token{}, ownError(call, err)
	}
	req.Header.Set("Content-Type", "application/json")
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	asked := c.now()
	if err := c.getJSON(req, call, &answer); err != nil {
		return token{}, err
	}
	if answer.AccessToken == "" || answer.ExpiresIn <= 0 {
		return token{}, &APIError{Call: call, Message: "the answer has no access token"}
	}
	life := time.Duration(answer.ExpiresIn) * time.Second
	// Shortly before its end the platform may still give out the old token: then it is looked at again at half time.
	renew := max(life-renewBefore, life/2)
	return token{Value: answer.AccessToken, RenewAt: asked.Add(renew), ExpiresAt: asked.Add(life)}, nil
}

func (c *Client) getJSON(req *http.Request, call string, answer any) error {
	resp, err := c.http.Do(req)
	if err != nil {
		return ownError(call, err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return ownError(call, err)
	}
	return nil
}
