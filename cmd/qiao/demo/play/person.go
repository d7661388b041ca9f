package play

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Simulator is the control API of the simulated platform.
type Simulator struct {
	Base   string
	Client *http.Client
}

// Call makes one call with a JSON body (nil: none) and decodes the answer into into (nil: ignored).
func (s Simulator) Call(ctx context.Context, method, path string, body, into any) error {
	var buf bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&buf).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, s.Base+path, &buf)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.Client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: status %d", method, path, res.StatusCode)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
}

// Person is somebody with a phone: WeChat with its built-in browser, and text messages.
type Person struct {
	Sim   Simulator
	ID    string
	Phone string // E.164
	Web   *Browser
	read  int // the newest message that was read
}

// NewPerson makes somebody with this number.
func (s Simulator) NewPerson(ctx context.Context, phone string) (*Person, error) {
	var made struct{ ID string }
	if err := s.Call(ctx, http.MethodPost, "/sim/people", map[string]string{}, &made); err != nil {
		return nil, err
	}
	web := NewBrowser(s.Client.Transport, nil)
	web.Agent = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36 MicroMessenger/8.0.50"
	return &Person{Sim: s, ID: made.ID, Phone: phone, Web: web}, nil
}

// Scan scans a code's text and, where it leads to the follow prompt, follows. The outcome is the simulator's word.
func (p *Person) Scan(ctx context.Context, qr string) (outcome string, err error) {
	var got struct{ Outcome, Account, URL string }
	if err := p.Sim.Call(ctx, http.MethodPost, "/sim/people/"+p.ID+"/scan", map[string]string{"qr": qr}, &got); err != nil {
		return "", err
	}
	switch got.Outcome {
	case "follow_prompt":
		err = p.Sim.Call(ctx, http.MethodPost, "/sim/people/"+p.ID+"/follow", map[string]string{"account": got.Account}, nil)
	case "page":
		err = p.Open(ctx, got.URL)
	}
	return got.Outcome, err
}

// Open opens an address in WeChat's built-in browser.
func (p *Person) Open(ctx context.Context, address string) error {
	return p.Web.Get(ctx, p.Sim.Base+"/sim/people/"+p.ID+"/browser?url="+url.QueryEscape(address))
}

// Message is one bubble of the chat.
type Message struct {
	N                   int
	Account, Kind, Text string
	Links               []string
}

// Messages are the chat's messages that were not read so far.
func (p *Person) Messages(ctx context.Context) ([]Message, error) {
	var all []Message
	if err := p.Sim.Call(ctx, http.MethodGet, "/sim/people/"+p.ID+"/messages?since="+strconv.Itoa(p.read), nil, &all); err != nil {
		return nil, err
	}
	for _, m := range all {
		p.read = max(p.read, m.N)
	}
	return all, nil
}

// Link waits for a message with a link, the answer to a scan. A notice of an earlier login may come before it.
func (p *Person) Link(ctx context.Context) (string, error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		all, err := p.Messages(ctx)
		if err != nil {
			return "", err
		}
		for _, m := range all {
			if len(m.Links) > 0 && !strings.Contains(m.Links[0], "/phone/notice/") {
				return m.Links[0], nil
			}
		}
	}
	return "", fmt.Errorf("no link in the chat of %s", p.ID)
}

// Code is the newest code that was sent to this person's number after message n.
func (p *Person) Code(ctx context.Context, after int) (code string, n int, err error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var all []struct {
			N    int
			Code string
		}
		err := p.Sim.Call(ctx, http.MethodGet, fmt.Sprintf("/sim/sms?to=%s&since=%d", url.QueryEscape(p.Phone), after), nil, &all)
		if err != nil {
			return "", 0, err
		}
		if len(all) > 0 {
			last := all[len(all)-1]
			return last.Code, last.N, nil
		}
	}
	return "", 0, fmt.Errorf("no text message to %s", p.ID)
}

// Bind types the number and the code of the text message, on the page that asks for the number.
func (p *Person) Bind(ctx context.Context) error {
	f, ok := p.Web.Page.FormWith("", "tel")
	if !ok {
		return fmt.Errorf("no field for the number on %s (%d): %s", p.Web.Page.URL.Path, p.Web.Page.Status, p.Web.Page.Text())
	}
	f.Values.Set(f.Field("type", "tel"), p.Phone)
	if err := p.Web.Post(ctx, f.Action, f.Values); err != nil {
		return err
	}
	code, _, err := p.Code(ctx, 0)
	if err != nil {
		return err
	}
	f, ok = p.Web.Page.FormWith("code", "")
	if !ok {
		return fmt.Errorf("no field for the code on %s (%d): %s", p.Web.Page.URL.Path, p.Web.Page.Status, p.Web.Page.Text())
	}
	f.Values.Set(f.Field("autocomplete", "one-time-code"), code)
	return p.Web.Post(ctx, f.Action, f.Values)
}
