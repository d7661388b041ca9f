package wechat_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/wechatflow/wechat"
)

func TestHostileXML(t *testing.T) {
	account := testAccount(wechat.ModePlain)
	c := testCallback(t, account)
	good := textXML(account, "hi")
	within := func(insert string) string { return strings.Replace(good, "<MsgType>", insert+"<MsgType>", 1) }
	for name, body := range map[string]string{
		"doctype":                     `<!DOCTYPE xml>` + good,
		"external entity":             `<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]>` + strings.Replace(good, "<![CDATA[hi]]>", "&x;", 1),
		"entity bomb":                 `<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>` + strings.Replace(good, "<![CDATA[hi]]>", "&b;", 1),
		"unknown entity":              strings.Replace(good, "<![CDATA[hi]]>", "&nbsp;", 1),
		"comment":                     within("<!-- x -->"),
		"comment within a value":      strings.Replace(good, "<![CDATA[hi]]>", "h<!-- x -->i", 1),
		"processing instruction":      within("<?php x ?>"),
		"xml declaration":             `<?xml version="1.0" encoding="GBK"?>` + good,
		"element twice":               within("<FromUserName>oSomebodyElse</FromUserName>"),
		"attribute":                   strings.Replace(good, "<xml>", `<xml a="b">`, 1),
		"namespace":                   strings.Replace(strings.Replace(good, "<xml>", "<a:xml>", 1), "</xml>", "</a:xml>", 1),
		"another root":                strings.Replace(strings.Replace(good, "<xml>", "<json>", 1), "</xml>", "</json>", 1),
		"two roots":                   good + good,
		"text after":                  good + "x",
		"text before":                 "x" + good,
		"text between":                within("x"),
		"not closed":                  strings.TrimSuffix(good, "</xml>"),
		"depth":                       within(strings.Repeat("<a>", 40000)),
		"depth, closed":               within(strings.Repeat("<a>", 9) + strings.Repeat("</a>", 9)),
		"invalid UTF-8":               strings.Replace(good, "hi", "h\xff", 1),
		"a control character":         strings.Replace(good, "hi", "h\x01", 1),
		"elements in the openid":      strings.Replace(good, "<![CDATA["+testOpenID+"]]>", "<b>oX</b>", 1),
		"no CreateTime":               strings.Replace(good, "CreateTime", "Created", 2),
		"CreateTime is a date":        strings.Replace(good, strconv.FormatInt(testNow.Unix(), 10), "2026-05-04", 1),
		"CreateTime is negative":      strings.Replace(good, strconv.FormatInt(testNow.Unix(), 10), "-5", 1),
		"CreateTime is zero":          strings.Replace(good, strconv.FormatInt(testNow.Unix(), 10), "0", 1),
		"CreateTime is without bound": strings.Replace(good, strconv.FormatInt(testNow.Unix(), 10), "99999999999999999999", 1),
		"no FromUserName":             strings.Replace(good, "FromUserName", "From", 2),
		"no MsgType":                  strings.Replace(good, "MsgType", "Type", 2),
		"event without Event":         strings.Replace(good, "[text]", "[event]", 1),
		"MsgId is a sentence":         strings.Replace(good, "1234567890123456", "x y", 1),
		"JSON":                        `{"ToUserName":"gh_x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, good, body)
			p := newPush(account, good)
			p.body = &body
			_, err := c.Open(p.build(t))
			require.ErrorIs(t, err, wechat.ErrMalformed)
			require.NotContains(t, err.Error(), "hi")
		})
	}
	p := newPush(account, "\n"+regexp.MustCompile(`(</\w+>)`).ReplaceAllString(good, "$1\n  ")+"\n")
	_, err := c.Open(p.build(t))
	require.NoError(t, err, "white space between elements is no harm")
	p.plain = within("<SendPicsInfo><Count>1</Count><PicList><item><M>a</M></item><item><M>b</M></item></PicList></SendPicsInfo>")
	_, err = c.Open(p.build(t))
	require.NoError(t, err, "the platform's nested elements are accepted")
}
