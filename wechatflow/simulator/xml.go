package simulator

import (
	"strconv"
	"strings"
	"time"
)

// eventXML is the body of an event. The key of a plain follow is empty and present, and there is no ticket.
func eventXML(rel *relation, at time.Time, event, key, ticket string) string {
	var b strings.Builder
	openXML(&b, rel, at)
	element(&b, "MsgType", "event")
	element(&b, "Event", event)
	element(&b, "EventKey", key)
	if ticket != "" {
		element(&b, "Ticket", ticket)
	}
	b.WriteString("</xml>")
	return b.String()
}

// textXML is the body of a text message.
func textXML(rel *relation, at time.Time, content string, msgID int64) string {
	var b strings.Builder
	openXML(&b, rel, at)
	element(&b, "MsgType", "text")
	element(&b, "Content", content)
	b.WriteString("<MsgId>" + strconv.FormatInt(msgID, 10) + "</MsgId></xml>")
	return b.String()
}

func openXML(b *strings.Builder, rel *relation, at time.Time) {
	b.WriteString("<xml>")
	element(b, "ToUserName", rel.account.OriginalID)
	element(b, "FromUserName", rel.openID)
	b.WriteString("<CreateTime>" + strconv.FormatInt(at.Unix(), 10) + "</CreateTime>")
}

// element writes a CDATA element; a text that would end the section early is cut in two sections.
func element(b *strings.Builder, name, text string) {
	b.WriteString("<" + name + "><![CDATA[")
	b.WriteString(strings.ReplaceAll(text, "]]>", "]]]]><![CDATA[>"))
	b.WriteString("]]></" + name + ">")
}
