package wechat

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"

	"qiao/wechatflow/wechat/crypt"
)

// Mode is how the platform delivers pushes: 明文模式, 兼容模式, 安全模式 in its settings.
type Mode string

// The modes of the platform's settings page.
const (
	ModePlain  Mode = "plain"
	ModeCompat Mode = "compat"
	ModeSafe   Mode = "safe"
)

// Account is one Official Account as its settings pages show it.
type Account struct {
	Name           string // ours: part of the callback's path
	DisplayName    string // what people see
	AppID          string // wx…
	AppSecret      string
	OriginalID     string // 原始ID, gh_…: the ToUserName of every push
	Token          string
	AESKey         string // EncodingAESKey; may be empty in plain mode
	PreviousAESKey string // the key before the last change, for as long as the platform may still use it
	Mode           Mode
}

var (
	nameShape       = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	appIDShape      = regexp.MustCompile(`^wx[0-9A-Za-z]{4,30}$`)
	originalIDShape = regexp.MustCompile(`^gh_[0-9A-Za-z_-]{1,40}$`)
	tokenShape      = regexp.MustCompile(`^[0-9A-Za-z]{3,32}$`)
	secretShape     = regexp.MustCompile(`^[\x21-\x7e]+$`)
)

// Validate returns every fault of the configuration at once, each with what to change; nil when there is none. No value
// is repeated in the text.
func (a Account) Validate() error {
	var faults []error
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, fmt.Errorf("account %q: %s", a.Name, text))
		}
	}
	badKey := func(text string) bool {
		_, err := crypt.ParseKey(text)
		return err != nil
	}
	fault(!nameShape.MatchString(a.Name),
		"name: use 1 to 32 of a-z, 0-9 and -, for it is part of the callback's address")
	fault(!appIDShape.MatchString(a.AppID),
		"appid: copy the AppID, which begins with wx, from the platform's basic settings (基本配置)")
	fault(!secretShape.MatchString(a.AppSecret),
		"secret: copy the AppSecret from the platform's basic settings (基本配置)")
	fault(!originalIDShape.MatchString(a.OriginalID),
		"original_id: copy the 原始ID, which begins with gh_, from the account's details (账号详情)")
	fault(!tokenShape.MatchString(a.Token),
		"token: choose 3 to 32 letters and digits at random, and enter the same in the server settings (服务器配置)")
	switch a.Mode {
	case ModePlain, ModeCompat, ModeSafe:
	default:
		fault(true, `mode: must be "safe", "compat" or "plain", as in the server settings (消息加解密方式)`)
	}
	fault((a.Mode != ModePlain || a.AESKey != "") && badKey(a.AESKey),
		"aes_key: copy the 43 characters of the EncodingAESKey from the server settings (服务器配置)")
	fault(a.PreviousAESKey != "" && badKey(a.PreviousAESKey),
		"previous_aes_key: must be the 43 characters of the EncodingAESKey before the change, or empty")
	return errors.Join(faults...)
}

// String names the account without its secrets.
func (a Account) String() string { return a.Name + " (" + a.AppID + ")" }

// GoString keeps the secrets out of %#v.
func (a Account) GoString() string { return a.String() }

// LogValue keeps the secrets out of slog.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.String()) }
