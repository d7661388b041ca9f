package wechat

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

const maxDepth = 8 // of the platform's own messages none is deeper than 5

// parseXML reads <xml><Name>text</Name>…</xml> into its fields. It is narrower than XML: no attributes, no namespaces,
// no comments, no declarations of any kind (so no DTD and no entities of somebody's making), no element twice. What two
// readers could understand differently is refused. The value of an element that has elements in it is their structure,
// marked by characters that XML does not allow in a text.
func parseXML(body []byte) (map[string]string, error) {
	if len(body) > MaxBody {
		return nil, ErrMalformed
	}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	fields := map[string]string{}
	var path []string
	var value strings.Builder
	closed := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			if !closed {
				return nil, ErrMalformed
			}
			return fields, nil
		}
		if err != nil {
			return nil, ErrMalformed // the decoder's text would quote the message
		}
		switch t := token.(type) {
		case xml.StartElement:
			name := t.Name.Local
			if t.Name.Space != "" || len(t.Attr) > 0 || closed || len(path) >= maxDepth ||
				len(path) == 0 && name != "xml" {
				return nil, ErrMalformed
			}
			switch {
			case len(path) == 1:
				if _, twice := fields[name]; twice {
					return nil, ErrMalformed
				}
				value.Reset()
			case len(path) > 1:
				value.WriteString("\x01" + name + "\x02")
			}
			path = append(path, name)
		case xml.EndElement:
			path = path[:len(path)-1]
			switch len(path) {
			case 0:
				closed = true
			case 1:
				fields[t.Name.Local] = value.String()
			default:
				value.WriteString("\x03")
			}
		case xml.CharData:
			if len(path) > 1 {
				value.Write(t)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, ErrMalformed // text around the elements
			}
		default: // comment, <!DOCTYPE …>, <?…?>
			return nil, ErrMalformed
		}
	}
}
