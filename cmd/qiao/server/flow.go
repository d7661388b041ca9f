package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"qiao/browser"
	"qiao/cmd/qiao/config"
	"qiao/op/clients"
	"qiao/storage"
	"qiao/storage/seal"
	"qiao/ui"
	"qiao/wechatflow"
	"qiao/wechatflow/sms"
	"qiao/wechatflow/wechat"
)

type flowParts struct {
	store   storage.Store
	signals storage.Signals
	guard   *browser.Guard
	box     *seal.Box
	pages   *ui.Renderer
	clients *clients.Registry
	draft   wechatflow.Draft
	metrics *prometheus.Registry
	log     *slog.Logger
}

// buildFlow makes the WeChat flow with every configured account.
func buildFlow(c config.Config, p flowParts) (*wechatflow.Flow, error) {
	apiBase, openBase := optionalURL(c.WeChat.APIBase), optionalURL(c.WeChat.OpenBase)
	if openBase == nil {
		openBase = apiBase
	}
	var accounts []wechatflow.Account
	var faults []error
	for _, a := range c.WeChat.Accounts {
		account := platformAccount(a)
		client, err := wechat.New(wechat.Config{
			Account: account, APIBase: apiBase, OpenBase: openBase,
			Signals: p.signals, Box: p.box, Log: p.log, Now: time.Now,
		})
		if err != nil {
			faults = append(faults, err)
			continue
		}
		callback, err := wechat.NewCallback(account)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if account.Mode == wechat.ModePlain {
			p.log.Warn("pushes of this account are neither encrypted nor authenticated beyond a signature that leaves out their body: "+
				"whoever sees or relays one can forge a scan or a follow of anybody; set mode to safe here and on the platform", "account", a.Name)
		}
		accounts = append(accounts, wechatflow.Account{
			Client: client, Callback: callback,
			Replies: chatReplies(c, a),
		})
	}
	sender, err := smsSender(c.SMS)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	day := func(max int) wechatflow.Rate { return wechatflow.Rate{Max: max, Window: 24 * time.Hour} }
	return wechatflow.New(wechatflow.Config{
		Store: p.store, Signals: p.signals, Guard: p.guard, Box: p.box, Pages: p.pages,
		Accounts: accounts, SMS: sender, Client: p.clients.Shown, Draft: p.draft, Brand: c.Brand.Name, ScanAlone: c.ScanAlone,
		Metrics: p.metrics, Now: time.Now, Log: p.log,
		Lifetimes: wechatflow.Lifetimes{
			Attempt: c.Lifetimes.Attempt, Picture: c.Lifetimes.Picture, Code: c.Lifetimes.PhoneCode,
			SessionIdle: c.Lifetimes.SessionIdle, Session: c.Lifetimes.SessionAbsolute,
		},
		Limits: wechatflow.Limits{
			PagesPerAddress: wechatflow.Rate{Max: c.Limits.LoginPerMinute, Window: time.Minute},
			MintsPerAddress: wechatflow.Rate{Max: c.Limits.QRPerMinute, Window: time.Minute},
			MintsPerClient:  wechatflow.Rate{Max: c.Limits.QRPerClientHour, Window: time.Hour},

			UserCodesPerAddress: c.Limits.UserCodesPerHour, UserCodesInAll: c.Limits.UserCodesInAllHour,

			MessagesPerPhone:   day(c.SMS.PerPhoneDay),
			MessagesPerOpenID:  day(c.SMS.PerOpenIDDay),
			MessagesPerAddress: wechatflow.Rate{Max: c.SMS.PerAddressHour, Window: time.Hour},
			MessagesPerNetwork: wechatflow.Rate{Max: c.SMS.PerNetworkHour, Window: time.Hour},
			MessagesPerDay:     day(c.SMS.PerDay),
			Countries:          c.SMS.Countries,
		},
	})
}

// chatReplies are the account's own texts, and the language of the others.
func chatReplies(c config.Config, a config.Account) wechatflow.Replies {
	return wechatflow.Replies{
		Lang: c.Language, Welcome: a.Replies.Welcome, Scan: a.Replies.Scan, Unknown: a.Replies.Unknown, Menu: a.Replies.Menu,
	}
}

func platformAccount(a config.Account) wechat.Account {
	display := a.DisplayName
	if display == "" {
		display = a.Name
	}
	return wechat.Account{
		Name: a.Name, DisplayName: display, AppID: a.AppID, AppSecret: a.AppSecret, OriginalID: a.OriginalID,
		Token: a.Token, AESKey: a.AESKey, PreviousAESKey: a.PreviousAESKey, Mode: wechat.Mode(a.Mode),
	}
}

func smsSender(c config.SMS) (sms.Sender, error) {
	if c.SimulatorURL != "" {
		base, err := url.Parse(c.SimulatorURL)
		if err != nil {
			return nil, fmt.Errorf("sms.simulator_url: %w", err)
		}
		return sms.NewSimulator(base, &http.Client{Timeout: 5 * time.Second}), nil
	}
	sender, err := sms.NewWebhook(sms.WebhookConfig{URL: c.WebhookURL, Secret: c.WebhookSecret})
	if err != nil {
		return nil, fmt.Errorf("sms: %w", err)
	}
	return sender, nil
}

// optionalURL parses an address that was validated; nil for none.
func optionalURL(text string) *url.URL {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	return u
}
