package simulator

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"qiao/wechatflow/wechat/crypt"
)

// errBadReply: the callback answered, but not with what the platform takes.
var errBadReply = errors.New("the callback's reply is not acceptable")

func bad(why string) error { return fmt.Errorf("%w: %s", errBadReply, why) }

// reply is a passive reply, as the phone shows it. Without parts there is nothing to show.
type reply struct {
	kind  string
	parts []part
}

// replyXML is the XML of a passive reply, in clear or encrypted.
type replyXML struct {
	XMLName      xml.Name `xml:"xml"`
	ToUserName   string
	FromUserName string
	CreateTime   string
	MsgType      string
	Content      string
	Articles     struct {
		Item []article `xml:"item"`
	}
	Encrypt      string
	MsgSignature string
	TimeStamp    string
	Nonce        string
}

type article struct {
	Title       string `xml:"Title" json:"title"`
	Description string `xml:"Description" json:"description"`
	URL         string `xml:"Url" json:"url"`
}

// readReply checks the body of an answer as the platform does. `success` and an empty body ask for nothing.
func readReply(a *account, mode, openID, nonce string, body []byte) (reply, error) {
	if len(body) > maxBody {
		return reply{}, bad("too large")
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 || string(body) == "success" {
		return reply{}, nil
	}
	var x replyXML
	if err := parseXML(body, &x); err != nil {
		return reply{}, bad("no XML reply")
	}
	if x.Encrypt != "" && mode != modePlain {
		plain, err := openReply(a, nonce, x)
		if err != nil {
			return reply{}, err
		}
		x = replyXML{}
		if err := parseXML(plain, &x); err != nil {
			return reply{}, bad("no XML reply inside the encryption")
		}
	} else if mode == modeSafe {
		return reply{}, bad("a reply in safe mode must be encrypted")
	}
	return shownReply(a, openID, x)
}

// openReply decrypts a reply, whose nonce must be the request's.
func openReply(a *account, nonce string, x replyXML) ([]byte, error) {
	if x.Nonce != nonce {
		return nil, bad("the nonce is not the request's")
	}
	if !crypt.Verify(x.MsgSignature, a.Token, x.TimeStamp, x.Nonce, x.Encrypt) {
		return nil, bad("wrong MsgSignature")
	}
	plain, appID, err := crypt.Decrypt(a.key, x.Encrypt)
	if err != nil || appID != a.AppID {
		return nil, bad("it does not decrypt for this AppID")
	}
	return plain, nil
}

// shownReply checks the fields of a reply and turns it into what the phone shows.
func shownReply(a *account, openID string, x replyXML) (reply, error) {
	created, err := strconv.ParseInt(x.CreateTime, 10, 64)
	switch {
	case x.ToUserName != openID || x.FromUserName != a.OriginalID:
		return reply{}, bad("ToUserName and FromUserName are not those of the message, swapped")
	case err != nil || created <= 0:
		return reply{}, bad("CreateTime is no integer")
	}
	switch x.MsgType {
	case "text":
		if x.Content == "" || len(x.Content) > 2048 {
			return reply{}, bad("Content has 1 to 2048 bytes")
		}
		return reply{kind: kindText, parts: textParts(x.Content)}, nil
	case "news":
		if len(x.Articles.Item) == 0 {
			return reply{}, bad("news without an article")
		}
		return reply{kind: kindNews, parts: newsParts(x.Articles.Item)}, nil
	case "image", "voice", "video", "music":
		return reply{kind: kindText, parts: []part{{Text: "[" + x.MsgType + "]"}}}, nil
	case "transfer_customer_service":
		return reply{}, nil
	}
	return reply{}, bad("unknown MsgType")
}

// newsParts shows articles: each title is the link.
func newsParts(articles []article) []part {
	var parts []part
	for i, item := range articles {
		if i > 0 {
			parts = append(parts, part{Text: "\n"})
		}
		address := item.URL
		if !webAddress(address) {
			address = ""
		}
		parts = append(parts, part{Text: item.Title, URL: address})
		if item.Description != "" {
			parts = append(parts, part{Text: "\n" + item.Description})
		}
	}
	return parts
}

// parseXML takes exactly one document, without a DTD.
func parseXML(body []byte, v any) error {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(v); err != nil {
		return err
	}
	for {
		switch token, err := decoder.Token(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		default:
			if text, ok := token.(xml.CharData); !ok || strings.TrimSpace(string(text)) != "" {
				return errors.New("something follows the document")
			}
		}
	}
}

func (s *Simulator) showReply(d *delivery, r reply) {
	if d.silent || len(r.parts) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.show(d.relation, r.kind, r.parts)
}

func (s *Simulator) showFault(d *delivery) {
	if d.silent {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.show(d.relation, kindFault, []part{{Text: faultNotice}})
}
