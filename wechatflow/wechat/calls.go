package wechat

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ArtisanCloud/PowerLibs/v3/object"
)

// MaxQRTTL is the longest life of a temporary QR code.
const MaxQRTTL = 30 * 24 * time.Hour

// QR is a parametric QR code.
type QR struct {
	Ticket    string
	URL       string // the text of the code
	ExpiresAt time.Time
}

// CreateQR makes a temporary code for a scene of 1 to 64 characters (QR_STR_SCENE). Each one counts against the
// account's quota of 100,000 a day.
func (c *Client) CreateQR(ctx context.Context, scene string, ttl time.Duration) (QR, error) {
	const call = "cgi-bin/qrcode/create"
	if scene == "" || len(scene) > 64 {
		return QR{}, errors.New("wechat create QR code: a scene has 1 to 64 characters")
	}
	if ttl < time.Second || ttl > MaxQRTTL {
		return QR{}, errors.New("wechat create QR code: a temporary code lives from a second to 30 days")
	}
	asked := c.now()
	var qr QR
	err := c.withToken(ctx, call, func(ctx context.Context, app *sdk) error {
		answer, err := app.QRCode.Temporary(ctx, scene, int((ttl+time.Second-1)/time.Second))
		if err != nil {
			return err
		}
		if answer.Ticket == "" || answer.Url == "" || answer.ExpireSeconds <= 0 {
			return &APIError{Call: call, Message: "the answer has no ticket"}
		}
		qr = QR{Ticket: answer.Ticket, URL: answer.Url,
			ExpiresAt: asked.Add(time.Duration(answer.ExpireSeconds) * time.Second)}
		return nil
	})
	return qr, err
}

// UserInfo is what the platform tells of a person; names and pictures are no longer part of it.
type UserInfo struct {
	Subscribed bool
	OpenID     string
	UnionID    string // empty unless the account is bound to an Open Platform account, and without Subscribed
}

// UserInfo asks for a person.
func (c *Client) UserInfo(ctx context.Context, openID string) (UserInfo, error) {
	const call = "cgi-bin/user/info"
	if !openIDShape.MatchString(openID) {
		return UserInfo{}, errors.New("wechat user info: this is no openid")
	}
	var info UserInfo
	err := c.withToken(ctx, call, func(ctx context.Context, app *sdk) error {
		answer, err := app.User.Get(ctx, openID, "zh_CN")
		if err != nil {
			return err
		}
		if answer.OpenID != openID {
			return &APIError{Call: call, Message: "the answer is about another openid"}
		}
		info = UserInfo{Subscribed: answer.Subscribe == 1, OpenID: answer.OpenID, UnionID: answer.UnionID}
		return nil
	})
	return info, err
}

// SendText sends a customer-service message, which the platform takes only for a while after the person did something:
// see WindowClosed. The text may hold <a href="…"> links.
func (c *Client) SendText(ctx context.Context, openID, text string) error {
	const call = "cgi-bin/message/custom/send"
	if !openIDShape.MatchString(openID) || strings.TrimSpace(text) == "" {
		return errors.New("wechat send text: an openid and a text are needed")
	}
	return c.withToken(ctx, call, func(ctx context.Context, app *sdk) error {
		_, err := app.CustomerService.Send(ctx, &object.HashMap{
			"touser": openID, "msgtype": "text", "text": &object.HashMap{"content": text},
		})
		return err
	})
}
