package config

import (
	"fmt"
	"strings"
)

// placeholders finds secrets that are still the example's. Everybody knows those: a server must not run with them.
func (v *validator) placeholders(c *Config) {
	refuse := func(path, value string) {
		if folded := strings.ToLower(strings.ReplaceAll(value, "-", "")); strings.HasPrefix(folded, "fillin") {
			v.fault("%s is still the example's: fill in your own", path)
		}
	}
	for i, a := range c.WeChat.Accounts {
		path := fmt.Sprintf("wechat.accounts[%d]", i)
		refuse(path+".secret", a.AppSecret)
		refuse(path+".token", a.Token)
		refuse(path+".aes_key", a.AESKey)
	}
	refuse("sms.webhook_secret", c.SMS.WebhookSecret)
	for i, client := range c.Clients {
		refuse(fmt.Sprintf("clients[%d].client_secret", i), client.Secret)
	}
}
