package wechat

import (
	"encoding/binary"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"qiao/storage"
	"qiao/wechatflow/wechat/crypt"
)

// The kinds of message and event that a login rests on, as the platform spells them. There are many more.
const (
	TypeEvent = "event"
	TypeText  = "text"

	EventSubscribe   = "subscribe"   // followed, with or without a scene
	EventUnsubscribe = "unsubscribe" // no longer follows
	EventScan        = "SCAN"        // scanned a parametric code, following already
	EventClick       = "CLICK"       // a menu item; EventKey is its key
	EventView        = "VIEW"        // a menu link; EventKey is its URL
)

// Message is an authenticated push.
type Message struct {
	ToUser     string // the account's OriginalID
	FromUser   string // the person's openid
	CreateTime time.Time
	Type       string
	Event      string // with Type event
	EventKey   string
	Ticket     string // of the QR code that was scanned
	Content    string // with Type text
	MsgID      string // empty for events

	nonce string     // of the push: the sealed reply repeats it
	key   *crypt.Key // that opened the push; nil for a plain one
}

var (
	openIDShape = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
	// There are events of many makers, which are all to be answered with success: their words may be anything visible.
	wordShape  = regexp.MustCompile(`^[\x21-\x7e]{1,64}$`)
	msgIDShape = regexp.MustCompile(`^[\x21-\x7e]{0,64}$`)
)

// message checks the fields of an authenticated push.
func (c *Callback) message(fields map[string]string, p params, key *crypt.Key) (Message, error) {
	if fields["ToUserName"] != c.account.OriginalID {
		return Message{}, ErrAccount
	}
	m := Message{
		ToUser:   fields["ToUserName"],
		FromUser: fields["FromUserName"],
		Type:     fields["MsgType"],
		Event:    fields["Event"],
		EventKey: fields["EventKey"],
		Ticket:   fields["Ticket"],
		Content:  fields["Content"],
		MsgID:    fields["MsgId"],
		nonce:    p.nonce,
		key:      key,
	}
	seconds, err := strconv.ParseUint(fields["CreateTime"], 10, 36) // until the year 4147
	if err != nil || seconds == 0 ||
		!openIDShape.MatchString(m.FromUser) || !wordShape.MatchString(m.Type) || !msgIDShape.MatchString(m.MsgID) ||
		m.Type == TypeEvent && !wordShape.MatchString(m.Event) {
		return Message{}, ErrMalformed
	}
	m.CreateTime = time.Unix(int64(seconds), 0).UTC()
	return m, nil
}

// Scene is the parameter of the QR code that led to this event: with a follow it comes as qrscene_…, with a scan bare.
// A plain follow has none, and other origins put other words in the EventKey.
func (m Message) Scene() (scene string, ok bool) {
	if m.Type != TypeEvent {
		return "", false
	}
	switch m.Event {
	case EventSubscribe:
		scene, ok = strings.CutPrefix(m.EventKey, "qrscene_")
	case EventScan:
		scene, ok = m.EventKey, true
	}
	if !ok || scene == "" {
		return "", false
	}
	return scene, true
}

// DeliveryKey names what the platform tells, however often it delivers it: a message by its MsgId; an event, which has
// none, by person, second, event and event key (one person can cause two events within a second).
func DeliveryKey(account string, m Message) storage.Hash {
	if m.Type != TypeEvent && m.MsgID != "" {
		return deliveryHash("message", account, m.MsgID)
	}
	second := strconv.FormatInt(m.CreateTime.Unix(), 10)
	if m.Type == TypeEvent {
		return deliveryHash("event", account, m.FromUser, second, m.Event, m.EventKey)
	}
	return deliveryHash("message without id", account, m.FromUser, second, m.Type, m.Content)
}

// deliveryHash hashes the parts, each with its length in front, so that no two lists of parts are alike.
func deliveryHash(parts ...string) storage.Hash {
	var all []byte
	for _, part := range parts {
		all = binary.BigEndian.AppendUint32(all, uint32(len(part)))
		all = append(all, part...)
	}
	return storage.HashOf(all)
}

// String says what kind of push it is, without who and what.
func (m Message) String() string { return strings.TrimSpace(m.Type + " " + m.Event) }

// GoString keeps the person out of %#v.
func (m Message) GoString() string { return m.String() }

// LogValue keeps the person and the text out of logs.
func (m Message) LogValue() slog.Value { return slog.StringValue(m.String()) }
