package simulator

import (
	"fmt"
	"strconv"
	"time"
)

// platformError is an errcode of the platform.
type platformError int

type errcode struct {
	Code    int    `json:"errcode"`
	Message string `json:"errmsg"`
}

func (e platformError) Error() string { return "errcode " + strconv.Itoa(int(e)) }

// body is the JSON of the error. Each has a request id, as the platform's errors do.
func (e platformError) body(now time.Time) errcode {
	id := fmt.Sprintf("%x", random(8))
	return errcode{int(e), fmt.Sprintf("%s rid: %08x-%s-%s", e.text(), uint32(now.Unix()), id[:8], id[8:])}
}

func (e platformError) text() string {
	switch e {
	case -1:
		return "system error"
	case 40001:
		return "invalid credential, access_token is invalid or not latest"
	case 40002:
		return "invalid grant_type"
	case 40003:
		return "invalid openid"
	case 40008:
		return "invalid message type"
	case 40013:
		return "invalid appid"
	case 40014:
		return "invalid access_token"
	case 40016:
		return "invalid button size"
	case 40029:
		return "invalid code"
	case 40030:
		return "invalid refresh_token"
	case 40052:
		return "invalid action name"
	case 40053:
		return "invalid action info"
	case 40066:
		return "invalid url"
	case 40125:
		return "invalid appsecret"
	case 40163:
		return "code been used"
	case 40164:
		return "invalid ip 127.0.0.1, not in whitelist"
	case 40243:
		return "AppSecret has been frozen"
	case 41001:
		return "access_token missing"
	case 41002:
		return "appid missing"
	case 41004:
		return "appsecret missing"
	case 41008:
		return "missing code"
	case 41009:
		return "missing openid"
	case 42001:
		return "access_token expired"
	case 43002:
		return "require POST method"
	case 43004:
		return "require subscribe"
	case 44002:
		return "empty post data"
	case 44004:
		return "empty content"
	case 45002:
		return "content size out of limit"
	case 45009:
		return "reach max api daily quota limit"
	case 45011:
		return "api minute-quota reach limit, must slower, retry next minute"
	case 45015:
		return "response out of time limit or subscription is canceled"
	case 45047:
		return "out of response count limit"
	case 46003:
		return "menu no exist"
	case 47001:
		return "data format error"
	case 48001:
		return "api unauthorized"
	case 48006:
		return "forbid to clear quota because of reaching the limit"
	case 61024:
		return "access component_access_token failed"
	}
	return "error"
}
