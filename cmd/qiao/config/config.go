package config

import "time"

// Config is the whole configuration of a server.
type Config struct {
	Issuer         string   `koanf:"issuer" doc:"The issuer URL: the address that browsers and relying parties use, without a trailing slash. Everything that Qiao says about itself comes from it, never from a request's Host."`
	Listen         string   `koanf:"listen" doc:"Address of the public listener. TLS is the proxy's in front of it."`
	Management     string   `koanf:"management" doc:"Address of the second listener: /metrics, /livez and /readyz. Keep it private."`
	TrustedProxies []string `koanf:"trusted_proxies" doc:"Addresses or networks (CIDR) of the proxies in front, whose X-Forwarded-For is believed."`
	Language       string   `koanf:"language" doc:"Language of chats and text messages, and of pages where the browser states no wish: zh-CN or en."`

	MasterKey          string   `koanf:"master_key" secret:"true" doc:"32 bytes in base64 (openssl rand -base64 32) that seal signing keys and phone numbers. Give it as master_key_file, mode 0600. Lost, every phone number in the database is lost with it."`
	PreviousMasterKeys []string `koanf:"previous_master_keys" secret:"true" doc:"Earlier master keys, newest first. They still open what they sealed, and the oldest goes on keying the look-ups (phone numbers, client secrets): keep them all."`

	Storage  string   `koanf:"storage" doc:"The durable record: sqlite (one process) or postgres (replicas)."`
	Signals  string   `koanf:"signals" doc:"Wake-ups, rates and short locks: memory (only with sqlite) or redis."`
	SQLite   SQLite   `koanf:"sqlite"`
	Postgres Postgres `koanf:"postgres"`
	Redis    Redis    `koanf:"redis"`

	ScanAlone bool `koanf:"scan_alone" doc:"A person who comes back is in with the scan alone, without choosing the number, where everything is as it was: a first-party client (unless it says always_confirm), the browser and the network (/24, or /48 of IPv6) of a login that they confirmed with a number within 30 days, an account in safe mode, and nothing special asked for. The chat tells of each such login and can end it. Behind a proxy, set trusted_proxies."`

	Brand  Brand  `koanf:"brand"`
	WeChat WeChat `koanf:"wechat"`
	SMS    SMS    `koanf:"sms"`

	Clients     []Client `koanf:"clients" doc:"Relying parties. These and those of clients_file are owned by the configuration: what is removed here is removed from the database. Clients made with qiao client add stand beside them."`
	ClientsFile string   `koanf:"clients_file" doc:"A YAML file with a list named clients, read at the start beside the list above."`

	Lifetimes     Lifetimes `koanf:"lifetimes"`
	Limits        Limits    `koanf:"limits"`
	GeoIPDatabase string    `koanf:"geoip_database" doc:"A MaxMind city database (.mmdb) that names the place of an address on the phone's confirm page. Empty: no places."`
	Log           Log       `koanf:"log"`
}

// SQLite is the embedded store.
type SQLite struct {
	Path         string `koanf:"path" doc:"The database file. Its folder must exist."`
	MaxPageCount int    `koanf:"max_page_count" doc:"Most pages (4 KiB each) that the file may grow to; 0 is SQLite's own limit."`
}

// Postgres is the store for replicas.
type Postgres struct {
	DSN      string `koanf:"dsn" secret:"true" doc:"Connection string, such as postgres://qiao:…@db/qiao?sslmode=verify-full."`
	MaxConns int    `koanf:"max_conns" doc:"Most connections that this replica opens."`
}

// Redis carries the signals between replicas.
type Redis struct {
	URL    string `koanf:"url" secret:"true" doc:"Address, such as redis://:…@cache:6379/0 or rediss://…"`
	Prefix string `koanf:"prefix" doc:"Prefix of every key and channel."`
}

// Brand is how the pages look.
type Brand struct {
	Name       string      `koanf:"name" doc:"The company's name on the pages and in text messages."`
	LogoURL    string      `koanf:"logo_url" doc:"https address of a square logo, or a path of the issuer's site; the pages' policy then allows pictures of that one host. Empty shows Qiao's mark."`
	Colour     string      `koanf:"colour" doc:"Colour of buttons and links, #rrggbb. Its contrast to card and page must be 4.5:1 (WCAG 2.2); qiao config validate tells what it is, and which colour would do. Empty is Qiao's green."`
	ColourDark string      `koanf:"colour_dark" doc:"The same where a person prefers dark pages; empty makes it from colour."`
	Links      []BrandLink `koanf:"links" doc:"The company's own pages, at the foot of every page; at most 5."`
}

// BrandLink is one of the company's own pages.
type BrandLink struct {
	Kind    string `koanf:"kind" doc:"privacy, terms or help: it needs no labels."`
	LabelZH string `koanf:"label_zh" doc:"Its words in Chinese, where it is of no kind."`
	LabelEN string `koanf:"label_en" doc:"Its words in English."`
	URL     string `koanf:"url" doc:"https address, or a path of the issuer's site."`
}

// WeChat is the platform and the company's Official Accounts.
type WeChat struct {
	APIBase  string    `koanf:"api_base" doc:"Base address of the platform's API; empty is WeChat's own. For tests against a simulator."`
	OpenBase string    `koanf:"open_base" doc:"Base address of web authorization; empty is WeChat's own."`
	Accounts []Account `koanf:"accounts" doc:"Official Accounts (verified service accounts). The first is the default of clients that name none."`
}

// Account is one Official Account.
type Account struct {
	Name           string  `koanf:"name" doc:"Short name, part of the server URL: <issuer>/wechat/<name>."`
	DisplayName    string  `koanf:"display_name" doc:"Name as people see it."`
	AppID          string  `koanf:"appid" doc:"AppID (wx…)."`
	AppSecret      string  `koanf:"secret" secret:"true" doc:"AppSecret."`
	OriginalID     string  `koanf:"original_id" doc:"Original ID (gh_…), the ToUserName of its messages."`
	Token          string  `koanf:"token" secret:"true" doc:"The Token of the server configuration, 3–32 characters."`
	AESKey         string  `koanf:"aes_key" secret:"true" doc:"EncodingAESKey, 43 characters."`
	PreviousAESKey string  `koanf:"previous_aes_key" secret:"true" doc:"The EncodingAESKey before, while the platform changes over."`
	Mode           string  `koanf:"mode" doc:"Message encryption as set on the platform: safe (recommended), compat or plain."`
	Replies        Replies `koanf:"replies"`
}

// Replies are an account's chat replies; empty ones are Qiao's own in the configured language.
type Replies struct {
	Welcome string            `koanf:"welcome" doc:"Reply to a follow that is no login. {{.Account}} is the account's name."`
	Scan    string            `koanf:"scan" doc:"Reply to a scan. {{.Client}} is the site's name, {{.URL}} the link, which must be in it."`
	Unknown string            `koanf:"unknown" doc:"Reply to any message."`
	Menu    map[string]string `koanf:"menu" doc:"Replies to menu items, by key."`
}

// SMS is how text messages go out.
type SMS struct {
	WebhookURL     string   `koanf:"webhook_url" doc:"Address that gets each message as signed JSON (https, or loopback)."`
	WebhookSecret  string   `koanf:"webhook_secret" secret:"true" doc:"Key of the webhook's signature, at least 32 characters."`
	SimulatorURL   string   `koanf:"simulator_url" doc:"Base address of the simulator, which then shows the messages. Only with a loopback issuer."`
	Countries      []string `koanf:"countries" doc:"Countries (ISO 3166, two letters) whose numbers may be bound."`
	PerPhoneDay    int      `koanf:"per_phone_day" doc:"Most messages to one number in a day."`
	PerOpenIDDay   int      `koanf:"per_openid_day" doc:"Most messages for one WeChat user in a day."`
	PerAddressHour int      `koanf:"per_address_hour" doc:"Most messages for one network address in an hour. Mobile networks share addresses: be generous."`
	PerNetworkHour int      `koanf:"per_network_hour" doc:"Most messages for one network (/24, or /48 of IPv6) in an hour."`
	PerDay         int      `koanf:"per_day" doc:"Most messages in a day in all: the budget."`
}

// Client is a relying party in the configuration.
type Client struct {
	ID                     string   `koanf:"client_id" doc:"The client_id."`
	Name                   string   `koanf:"name" doc:"Name as people see it."`
	Secret                 string   `koanf:"client_secret" secret:"true" doc:"The secret, at least 32 characters (openssl rand -hex 32); empty with public."`
	Public                 bool     `koanf:"public" doc:"No secret: PKCE proves the client (apps, pages without a server)."`
	RedirectURIs           []string `koanf:"redirect_uris" doc:"Exact redirect URIs."`
	PostLogoutRedirectURIs []string `koanf:"post_logout_redirect_uris" doc:"Exact URIs to return to after a logout."`
	GrantTypes             []string `koanf:"grant_types" doc:"authorization_code, refresh_token where the client refreshes, and urn:ietf:params:oauth:grant-type:device_code for TVs, which need no redirect URI."`
	Scopes                 []string `koanf:"scopes" doc:"Scopes that it may ask for: openid profile phone groups offline_access."`
	FirstParty             bool     `koanf:"first_party" doc:"The company's own: no consent is asked."`
	AlwaysConfirm          bool     `koanf:"always_confirm" doc:"Every login takes the number: none by the scan alone, whatever scan_alone says."`
	Native                 bool     `koanf:"native" doc:"An installed app: any port of a registered loopback redirect URI matches."`
	RequirePKCE            bool     `koanf:"require_pkce" doc:"Refuse requests without PKCE (always so for public clients)."`
	IDTokenAlg             string   `koanf:"id_token_signed_response_alg" doc:"ES256 (default) or RS256."`
	LeanIDToken            bool     `koanf:"lean_id_token" doc:"Leave profile and phone claims to userinfo."`
	EmailDomain            string   `koanf:"email_domain" doc:"Give an email <sub>@users.<domain> for products that fail without one."`
	Account                string   `koanf:"wechat_account" doc:"The Official Account that its logins scan."`
	LogoURI                string   `koanf:"logo_uri" doc:"https address of its logo."`
	PolicyURI              string   `koanf:"policy_uri" doc:"Its privacy policy, shown with the consent."`
	TOSURI                 string   `koanf:"tos_uri" doc:"Its terms of service."`
}

// Lifetimes are how long things live.
type Lifetimes struct {
	Code            time.Duration `koanf:"code" doc:"An authorization code."`
	IDToken         time.Duration `koanf:"id_token" doc:"An ID token."`
	AccessToken     time.Duration `koanf:"access_token" doc:"An access token."`
	RefreshIdle     time.Duration `koanf:"refresh_idle" doc:"A refresh token that is not used."`
	RefreshAbsolute time.Duration `koanf:"refresh_absolute" doc:"A family of refresh tokens."`
	SessionIdle     time.Duration `koanf:"session_idle" doc:"A session that is not used."`
	SessionAbsolute time.Duration `koanf:"session_absolute" doc:"A session."`
	AuthRequest     time.Duration `koanf:"auth_request" doc:"An authorization request that waits for a person."`
	Attempt         time.Duration `koanf:"attempt" doc:"A login attempt; a page that is reloaded after it starts a new one."`
	Picture         time.Duration `koanf:"picture" doc:"The picture of a QR code, before it renews itself (at most 120 s)."`
	PhoneCode       time.Duration `koanf:"phone_code" doc:"A text-message code."`
	DeviceCode      time.Duration `koanf:"device_code" doc:"The code that a TV shows and waits with."`
	DeviceInterval  time.Duration `koanf:"device_interval" doc:"How long a TV waits between two polls; one that polls sooner is told to slow down by 5 s."`
	RefreshDevice   time.Duration `koanf:"refresh_device" doc:"What an approval on a TV grants: a family of refresh tokens, from the moment that the TV asked."`
	KeyRotation     time.Duration `koanf:"key_rotation" doc:"A signing key, before the next one takes over by itself; 0 leaves it to qiao keys rotate."`
	KeyPublish      time.Duration `koanf:"key_publish" doc:"How long a new key is published before it signs: one cache period of the relying parties."`
	Drain           time.Duration `koanf:"drain" doc:"How long a stopping server waits for requests under way."`
}

// Limits are request rates per network address (IPv6: per /64), and of the work that strangers can cause.
type Limits struct {
	AuthorizePerMinute int `koanf:"authorize_per_minute" doc:"Authorization requests of one address in a minute."`
	RequestsPerMinute  int `koanf:"requests_per_minute" doc:"Those of them that wait for a person, of one address in a minute: each is kept in the database for lifetimes.auth_request."`
	CodesPerUserHour   int `koanf:"codes_per_user_hour" doc:"Authorization codes issued to one signed-in person in an hour."`
	LogoutPerMinute    int `koanf:"logout_per_minute" doc:"Logout requests of one address in a minute."`
	LoginPerMinute     int `koanf:"login_per_minute" doc:"Login pages and polls of one address in a minute."`
	QRPerMinute        int `koanf:"qr_per_minute" doc:"QR codes asked from the platform for one address in a minute; past it the code leads to Qiao's own page."`
	QRPerClientHour    int `koanf:"qr_per_client_hour" doc:"The same for one client in an hour. The platform gives 100,000 a day."`

	DevicesPerMinute       int `koanf:"devices_per_minute" doc:"Device authorizations (TVs that ask for a code) of one address in a minute."`
	DevicesPerClientMinute int `koanf:"devices_per_client_minute" doc:"The same for one client. After a power cut a city's TVs come at once."`
	DevicesInAllMinute     int `koanf:"devices_in_all_minute" doc:"The same in all."`
	UserCodesPerHour       int `koanf:"user_codes_per_hour" doc:"Wrong user codes typed from one address in an hour. Right ones do not count. This and the next two are kept in the database and hold across replicas."`
	UserCodesPerUserHour   int `koanf:"user_codes_per_user_hour" doc:"The same for one signed-in person."`
	UserCodesInAllHour     int `koanf:"user_codes_in_all_hour" doc:"The same in all: what somebody with many addresses can try. There are 25,600,000,000 codes."`
}

// Log is the log.
type Log struct {
	Level  string `koanf:"level" doc:"debug, info, warn or error."`
	Format string `koanf:"format" doc:"json or text."`
}

// Default is the configuration before any file.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8080", Management: "127.0.0.1:9090", Language: "zh-CN",
		Storage: "sqlite", Signals: "memory", ScanAlone: true,
		SQLite:   SQLite{Path: "qiao.db"},
		Postgres: Postgres{MaxConns: 16},
		Redis:    Redis{Prefix: "qiao:"},
		Brand:    Brand{Name: "桥 Qiao"},
		SMS: SMS{
			Countries: []string{"CN"}, PerPhoneDay: 10, PerOpenIDDay: 5, PerAddressHour: 60, PerNetworkHour: 200, PerDay: 10000,
		},
		Lifetimes: Lifetimes{
			Code: time.Minute, IDToken: 10 * time.Minute, AccessToken: 10 * time.Minute,
			RefreshIdle: 30 * 24 * time.Hour, RefreshAbsolute: 90 * 24 * time.Hour,
			SessionIdle: 8 * time.Hour, SessionAbsolute: 7 * 24 * time.Hour,
			AuthRequest: 30 * time.Minute, Attempt: 10 * time.Minute, Picture: 2 * time.Minute, PhoneCode: 5 * time.Minute,
			DeviceCode: 10 * time.Minute, DeviceInterval: 5 * time.Second, RefreshDevice: 180 * 24 * time.Hour,
			KeyRotation: 90 * 24 * time.Hour, KeyPublish: time.Hour, Drain: 15 * time.Second,
		},
		Limits: Limits{
			AuthorizePerMinute: 600, RequestsPerMinute: 120, CodesPerUserHour: 600, LogoutPerMinute: 300, LoginPerMinute: 1200,
			QRPerMinute: 20, QRPerClientHour: 4000,
			DevicesPerMinute: 60, DevicesPerClientMinute: 6000, DevicesInAllMinute: 12000,
			UserCodesPerHour: 60, UserCodesPerUserHour: 20, UserCodesInAllHour: 10000,
		},
		Log: Log{Level: "info", Format: "json"},
	}
}

// DefaultClient is a client of the configuration before what it says.
func DefaultClient() Client {
	return Client{
		GrantTypes: []string{"authorization_code"}, Scopes: []string{"openid", "profile", "phone"}, IDTokenAlg: "ES256",
	}
}

// DefaultAccount is an account of the configuration before what it says.
func DefaultAccount() Account { return Account{Mode: "safe"} }
