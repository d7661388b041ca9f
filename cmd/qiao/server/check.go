package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"qiao/cmd/qiao/config"
	"qiao/op/clients"
	"qiao/storage"
	"qiao/ui"
)

// CheckParts finds the faults that only the parts can see, without connecting to anything: an account's keys, a client's
// redirect URIs, a reply's template. It is a config.Source's Check.
func CheckParts(c config.Config) (faults config.Faults) {
	// Each fault gets the path of what it is about in front; parts tell several at once, one a line.
	tell := func(path string, err error) {
		if err == nil {
			return
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			faults = append(faults, errors.New(path+": "+line))
		}
	}
	tell("brand", Brand(c.Brand).Validate())
	for i, client := range c.Clients {
		r := Registration(client, SourceConfig, time.Now())
		if !r.Public() {
			r.SecretHash = make([]byte, 32) // of a secret that config checks
		}
		tell(fmt.Sprintf("clients[%d]", i), CheckRegistration(c, r))
	}
	for i, a := range c.WeChat.Accounts {
		path, part := fmt.Sprintf("wechat.accounts[%d]", i), platformAccount(a)
		tell(path, part.Validate())
		tell(path, chatReplies(c, a).Validate(part.DisplayName))
	}
	if (c.SMS.WebhookURL == "") != (c.SMS.SimulatorURL == "") {
		_, err := smsSender(c.SMS)
		tell("sms", err)
	}
	return faults
}

// CheckRegistration finds the faults of a client that is about to be registered beside this configuration, one a line.
func CheckRegistration(c config.Config, client storage.Client) error {
	err := clients.Validate(client)
	known := slices.ContainsFunc(c.WeChat.Accounts, func(a config.Account) bool { return a.Name == client.Account })
	if client.Account != "" && !known {
		err = errors.Join(err, fmt.Errorf("wechat_account %q is none of wechat.accounts", client.Account))
	}
	return err
}

// Brand is the configured brand as the pages take it.
func Brand(b config.Brand) ui.Brand {
	brand := ui.Brand{Name: b.Name, LogoURL: b.LogoURL, Colour: b.Colour, ColourDark: b.ColourDark}
	for _, l := range b.Links {
		link := ui.Link{Kind: l.Kind, URL: l.URL}
		if l.LabelZH != "" || l.LabelEN != "" {
			link.Labels = map[string]string{ui.Chinese: l.LabelZH, ui.English: l.LabelEN}
		}
		brand.Links = append(brand.Links, link)
	}
	return brand
}
