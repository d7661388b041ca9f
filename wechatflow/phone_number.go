package wechatflow

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/nyaruka/phonenumbers"

	"qiao/storage"
	"qiao/wechatflow/sms"
)

// Purposes of what the Box does with phone numbers. The provider opens phoneSeal too, for the phone claim.
const (
	phoneSeal  = "phone"
	phoneIndex = "phone index"
	phoneCode  = "phone code"
	phonePage  = "phone page"
)

// resendAfter is how long a person waits before a code may be sent again.
const resendAfter = 60 * time.Second

// parseNumber reads a number as people in China write theirs, or with a country code. It returns E.164, or a problem
// that the page has words for.
func parseNumber(typed string, countries []string) (e164, problem string) {
	if len(typed) > 64 {
		return "", "invalid"
	}
	n, err := phonenumbers.Parse(typed, "CN")
	if err != nil || n.GetExtension() != "" {
		return "", "invalid"
	}
	region := phonenumbers.GetRegionCodeForNumber(n)
	if !slices.Contains(countries, region) {
		if region == "" && slices.Contains(countries, phonenumbers.GetRegionCodeForCountryCode(int(n.GetCountryCode()))) {
			return "", "invalid" // one of our countries, and no number of it
		}
		return "", "country"
	}
	if !phonenumbers.IsValidNumber(n) {
		return "", "invalid"
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return phonenumbers.Format(n, phonenumbers.E164), ""
	default:
		return "", "invalid" // a landline gets no text messages
	}
}

// phoneIndex is what a number is looked up by: whoever has the database alone cannot try all numbers.
func (f *Flow) phoneIndex(number string) []byte {
	mac := f.Box.MAC(phoneIndex, []byte(number))
	return mac[:]
}

// codeHash binds a code to its attempt and number.
func (f *Flow) codeHash(attempt storage.ID, index []byte, code string) storage.Hash {
	return f.Box.MAC(phoneCode, attempt[:], index, []byte(code))
}

func drawCode() string { return fmt.Sprintf("%06d", randomBelow(1_000_000)) }

// deliver hands the message, a text of the catalogue, to the sender.
func (f *Flow) deliver(r *http.Request, lang, text, number, code string) error {
	ctx, cancel := context.WithTimeout(r.Context(), sendDeadline)
	defer cancel()
	text = f.Pages.Text(lang, text, map[string]any{
		"Brand": f.Brand, "Code": code, "Minutes": int(f.Lifetimes.Code / time.Minute),
	})
	return f.SMS.Send(ctx, sms.Message{To: number, Text: text, Code: code, Lang: lang, Kind: "code"})
}

// sentTo is what the code's page must remember between two requests: where the code went, and when. The page carries
// it sealed in its addresses, so that nothing is kept here and a number never stands in a log of addresses.
type sentTo struct {
	number string
	sentAt time.Time
}

func (f *Flow) sealTo(a storage.Attempt, to sentTo) string {
	plain := append([]byte(nil), a.ID[:]...)
	plain = binary.BigEndian.AppendUint64(plain, uint64(to.sentAt.Unix()))
	plain = append(plain, to.number...)
	return base64.RawURLEncoding.EncodeToString(f.Box.Seal(phonePage, plain))
}

// openTo reads the request's `to`, if it was sealed for this attempt.
func (f *Flow) openTo(r *http.Request, a storage.Attempt) (sentTo, bool) {
	to, err := f.parseTo(r.URL.Query().Get("to"), a)
	return to, err == nil
}

func (f *Flow) parseTo(text string, a storage.Attempt) (sentTo, error) {
	if len(text) > 256 {
		return sentTo{}, errors.New("too long")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return sentTo{}, err
	}
	plain, err := f.Box.Open(phonePage, sealed)
	if err != nil {
		return sentTo{}, err
	}
	if len(plain) < 24 || storage.ID(plain[:16]) != a.ID {
		return sentTo{}, errors.New("of another attempt")
	}
	return sentTo{number: string(plain[24:]), sentAt: time.Unix(int64(binary.BigEndian.Uint64(plain[16:24])), 0)}, nil
}
