package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"qiao/cmd/qiao/config"
)

// Ready is the ready file: outside programs find the demo by it. Members are only ever added.
type Ready struct {
	Issuer     string         `json:"issuer"`
	Simulator  string         `json:"simulator"`
	RP         string         `json:"rp"`
	TV         string         `json:"tv"`
	Management string         `json:"management"`
	Accounts   []ReadyAccount `json:"accounts"`
	Clients    []ReadyClient  `json:"clients"`
}

// ReadyAccount is one simulated Official Account.
type ReadyAccount struct {
	Name  string `json:"name"`
	AppID string `json:"appid"`
}

// ReadyClient is one registration, with its secret.
type ReadyClient struct {
	ID           string   `json:"client_id"`
	Secret       string   `json:"client_secret,omitempty"`
	RedirectURIs []string `json:"redirect_uris"`
	GrantTypes   []string `json:"grant_types"`
}

func readyFile(c config.Config, at Addresses, management string) Ready {
	r := Ready{Issuer: c.Issuer, Simulator: at.Simulator, RP: at.RP, TV: at.TV, Management: management}
	for _, a := range c.WeChat.Accounts {
		r.Accounts = append(r.Accounts, ReadyAccount{Name: a.Name, AppID: a.AppID})
	}
	for _, x := range c.Clients {
		r.Clients = append(r.Clients, ReadyClient{ID: x.ID, Secret: x.Secret, RedirectURIs: x.RedirectURIs, GrantTypes: x.GrantTypes})
	}
	return r
}

func printWelcome(w io.Writer, c config.Config, at Addresses) {
	_, _ = fmt.Fprintf(w, `
  桥 Qiao 演示 · demo

  网站   site      %s
  电视   tv        %s
  手机   phone     %s
  签发者 issuer    %s

  1. 打开网站，点“登录”，会看到一个二维码。      Open the site and sign in: a QR code appears.
  2. 在手机页面扫它、关注、选数字、绑定手机号。  On the phone, scan it, follow, choose the number, bind a phone.
  3. 回到网站：您已登录。                        Back on the site, you are signed in.
  4. 打开电视，用手机扫它的二维码并确认。        Open the TV, scan its code with the phone, approve.

  按 Ctrl-C 结束，不留下任何东西。               Ctrl-C ends it and leaves nothing behind.

`, at.RP, at.TV, at.Simulator, c.Issuer)
}

// listeners are opened before anything starts, so that every part can be told of the others.
type listeners struct{ provider, management, simulator, rp, tv net.Listener }

func openListeners(ctx context.Context, o Options) (l listeners, err error) {
	for _, want := range []struct {
		into *net.Listener
		name string
		port int
	}{
		{&l.provider, "provider", o.ProviderPort}, {&l.management, "management", 0},
		{&l.simulator, "simulator", o.SimulatorPort}, {&l.rp, "rp", o.RPPort}, {&l.tv, "tv", o.TVPort},
	} {
		*want.into, err = (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(want.port)))
		if err != nil {
			l.close()
			return l, fmt.Errorf("%w: is another demo running? Choose another port with --%s-port (0: any free one)", err, want.name)
		}
	}
	return l, nil
}

func (l listeners) close() {
	for _, one := range []net.Listener{l.provider, l.management, l.simulator, l.rp, l.tv} {
		if one != nil {
			_ = one.Close() // closed already by its server, where that was started
		}
	}
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// viaListener sends requests for the issuer to where the provider listens.
type viaListener struct{ issuer, provider string }

// RoundTrip implements http.RoundTripper.
func (v viaListener) RoundTrip(r *http.Request) (*http.Response, error) {
	rest, ok := strings.CutPrefix(r.URL.String(), v.issuer)
	if !ok {
		return nil, errors.New("the demo's site and TV call the issuer only")
	}
	u, err := url.Parse(v.provider + rest)
	if err != nil {
		return nil, err
	}
	out := r.Clone(r.Context())
	out.Host, out.URL = r.URL.Host, u
	return http.DefaultTransport.RoundTrip(out)
}
