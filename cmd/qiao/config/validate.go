package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"qiao/storage/seal"
)

// Validate returns every fault at once, as Faults. What the parts know best (an account's keys, a client's redirect
// URIs) they check themselves: Source.Check asks them.
func (c *Config) Validate() error { return c.faults().orNil() }

func (c *Config) faults() Faults {
	v := &validator{}
	v.issuer(c)
	v.address("listen", c.Listen)
	v.address("management", c.Management)
	if _, err := c.Proxies(); err != nil {
		v.fault("trusted_proxies: %v", err)
	}
	v.oneOf("language", c.Language, "zh-CN", "en")
	v.oneOf("storage", c.Storage, "sqlite", "postgres")
	v.oneOf("signals", c.Signals, "memory", "redis")
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "json", "text")
	if c.Storage == "postgres" && c.Signals == "memory" {
		v.fault("signals: memory serves one process only, and storage is postgres, which is for several: set signals to redis")
	}
	if c.Storage == "sqlite" && c.SQLite.Path == "" {
		v.fault("sqlite.path is missing")
	}
	if c.Storage == "postgres" && c.Postgres.DSN == "" {
		v.fault("postgres.dsn is missing: set postgres.dsn_file, or QIAO_POSTGRES_DSN")
	}
	if c.Signals == "redis" && c.Redis.URL == "" {
		v.fault("redis.url is missing: set redis.url_file, or QIAO_REDIS_URL")
	}
	if _, err := c.MasterKeys(); err != nil {
		v.fault("%v", err)
	}
	v.wechat(c)
	v.sms(c)
	v.clients(c)
	v.placeholders(c)
	v.lifetimes(c.Lifetimes)
	return v.faults
}

type validator struct{ faults Faults }

func (v *validator) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Errorf(format, args...))
}

func (v *validator) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.fault("%s is %q: it must be one of %s", path, value, strings.Join(allowed, ", "))
	}
}

func (v *validator) address(path, value string) {
	if _, _, err := net.SplitHostPort(value); err != nil {
		v.fault("%s is %q: it must be host:port, such as 127.0.0.1:8080 or :8080", path, value)
	}
}

func (v *validator) issuer(c *Config) {
	if c.Issuer == "" {
		v.fault("issuer is missing: set it to the address that browsers use, such as https://login.example.com")
		return
	}
	u, err := url.Parse(c.Issuer)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		v.fault("issuer is %q: it must be an address without user, query and fragment", c.Issuer)
	case u.Path != "":
		v.fault("issuer is %q: give it a host of its own, without a path and without a trailing slash", c.Issuer)
	case u.Scheme == "http" && !IsLoopback(u):
		v.fault("issuer is %q: plain http is for loopback only; use https (a proxy in front ends TLS)", c.Issuer)
	case u.Scheme != "https" && u.Scheme != "http":
		v.fault("issuer is %q: the scheme must be https", c.Issuer)
	}
}

func (v *validator) wechat(c *Config) {
	if len(c.WeChat.Accounts) == 0 {
		v.fault("wechat.accounts is empty: at least one Official Account is needed")
	}
	seen := map[string]bool{}
	for i, a := range c.WeChat.Accounts {
		if seen[a.Name] {
			v.fault("wechat.accounts[%d].name: %q is there twice", i, a.Name)
		}
		seen[a.Name] = true
	}
	for path, base := range map[string]string{"wechat.api_base": c.WeChat.APIBase, "wechat.open_base": c.WeChat.OpenBase} {
		if u, err := url.Parse(base); base != "" && (err != nil || u.Host == "") {
			v.fault("%s is %q: it must be an address such as https://api.weixin.qq.com", path, base)
		}
	}
}

func (v *validator) sms(c *Config) {
	switch {
	case c.SMS.WebhookURL == "" && c.SMS.SimulatorURL == "":
		v.fault("sms.webhook_url is missing: phone numbers are proven by text messages")
	case c.SMS.WebhookURL != "" && c.SMS.SimulatorURL != "":
		v.fault("sms.webhook_url and sms.simulator_url are both set: keep one")
	}
	if len(c.SMS.Countries) == 0 {
		v.fault("sms.countries is empty: list the countries whose numbers may be bound, such as [CN]")
	}
	for _, country := range c.SMS.Countries {
		if len(country) != 2 || strings.ToUpper(country) != country {
			v.fault("sms.countries: %q is not a two-letter country code such as CN", country)
		}
	}
	for path, n := range map[string]int{
		"sms.per_phone_day": c.SMS.PerPhoneDay, "sms.per_openid_day": c.SMS.PerOpenIDDay,
		"sms.per_address_hour": c.SMS.PerAddressHour, "sms.per_network_hour": c.SMS.PerNetworkHour, "sms.per_day": c.SMS.PerDay,
		"limits.authorize_per_minute": c.Limits.AuthorizePerMinute, "limits.logout_per_minute": c.Limits.LogoutPerMinute,
		"limits.requests_per_minute": c.Limits.RequestsPerMinute, "limits.codes_per_user_hour": c.Limits.CodesPerUserHour,
		"limits.login_per_minute": c.Limits.LoginPerMinute, "limits.qr_per_minute": c.Limits.QRPerMinute,
		"limits.qr_per_client_hour": c.Limits.QRPerClientHour,
		"limits.devices_per_minute": c.Limits.DevicesPerMinute, "limits.devices_per_client_minute": c.Limits.DevicesPerClientMinute,
		"limits.devices_in_all_minute": c.Limits.DevicesInAllMinute, "limits.user_codes_per_hour": c.Limits.UserCodesPerHour,
		"limits.user_codes_per_user_hour": c.Limits.UserCodesPerUserHour, "limits.user_codes_in_all_hour": c.Limits.UserCodesInAllHour,
	} {
		if n < 1 {
			v.fault("%s is %d: at least 1", path, n)
		}
	}
}

func (v *validator) clients(c *Config) {
	seen := map[string]bool{}
	for i, client := range c.Clients {
		if seen[client.ID] {
			v.fault("clients[%d].client_id: %q is there twice", i, client.ID)
		}
		seen[client.ID] = true
		if client.Public && client.Secret != "" {
			v.fault("clients[%d]: a public client has no client_secret", i)
		}
		if !client.Public && len(client.Secret) < 32 {
			v.fault("clients[%d].client_secret is missing or shorter than 32 characters: make one with `openssl rand -hex 32`, or set public: true", i)
		}
	}
}

func (v *validator) lifetimes(l Lifetimes) {
	for _, bound := range []struct {
		path     string
		value    time.Duration
		min, max time.Duration
	}{
		{"code", l.Code, time.Second, 10 * time.Minute},
		{"id_token", l.IDToken, 10 * time.Second, 24 * time.Hour},
		{"access_token", l.AccessToken, 10 * time.Second, 24 * time.Hour},
		{"refresh_idle", l.RefreshIdle, time.Minute, 400 * 24 * time.Hour},
		{"refresh_absolute", l.RefreshAbsolute, time.Minute, 400 * 24 * time.Hour},
		{"session_idle", l.SessionIdle, time.Minute, 400 * 24 * time.Hour},
		{"session_absolute", l.SessionAbsolute, time.Minute, 400 * 24 * time.Hour},
		{"auth_request", l.AuthRequest, time.Minute, 24 * time.Hour},
		{"attempt", l.Attempt, time.Second, time.Hour},
		{"picture", l.Picture, time.Second, 2 * time.Minute},
		{"phone_code", l.PhoneCode, 30 * time.Second, 30 * time.Minute},
		{"device_code", l.DeviceCode, 30 * time.Second, time.Hour},
		{"device_interval", l.DeviceInterval, time.Second, time.Minute},
		{"refresh_device", l.RefreshDevice, time.Minute, 3650 * 24 * time.Hour},
		{"key_rotation", l.KeyRotation, 0, 3650 * 24 * time.Hour},
		{"key_publish", l.KeyPublish, time.Second, 7 * 24 * time.Hour},
		{"drain", l.Drain, 0, 10 * time.Minute},
	} {
		if bound.value < bound.min || bound.value > bound.max {
			v.fault("lifetimes.%s is %s: it must be between %s and %s", bound.path, bound.value, bound.min, bound.max)
		}
	}
}

// IsLoopback reports whether the address can only be reached from this machine.
func IsLoopback(u *url.URL) bool {
	host := u.Hostname()
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Proxies parses the trusted proxies.
func (c *Config) Proxies() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range c.TrustedProxies {
		if ip, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
		}
		all = append(all, p)
	}
	return all, nil
}

// MasterKeys parses the master keys, the current one first.
func (c *Config) MasterKeys() ([][]byte, error) {
	if c.MasterKey == "" {
		return nil, errors.New("master_key_file is missing: make a key with `openssl rand -base64 32`, keep it in a file with mode 0600 and name that file here")
	}
	var keys [][]byte
	for i, text := range append([]string{c.MasterKey}, c.PreviousMasterKeys...) {
		key, err := seal.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("master key %d: %w", i, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}
