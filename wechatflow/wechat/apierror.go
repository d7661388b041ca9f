package wechat

import (
	"errors"
	"fmt"
	"slices"
)

// ErrUnavailable: the platform was not reached, answered late, or answered something that is not its API. It may work
// again without anybody doing anything.
var ErrUnavailable = errors.New("the WeChat platform is unavailable")

// APIError is a refusal by the platform.
type APIError struct {
	Call    string // such as cgi-bin/qrcode/create
	Code    int    // errcode; 0 when the answer had none, and not what was asked for either
	Message string // errmsg, without secrets, tokens, codes and openids
}

// Error ends with the hint, because the operator who can follow it reads the log.
func (e *APIError) Error() string {
	text := fmt.Sprintf("wechat %s: errcode %d: %s", e.Call, e.Code, e.Message)
	if hint := e.Hint(); hint != "" {
		text += " (" + hint + ")"
	}
	return text
}

// Is makes a busy platform (-1) count as unavailable.
func (e *APIError) Is(target error) bool { return target == ErrUnavailable && e.Code == -1 }

// Hint says in one sentence what the operator must change; empty where nothing is known to help.
func (e *APIError) Hint() string {
	switch e.Code {
	case -1:
		return "The platform is busy: nothing needs to be changed, it is tried again with the next request."
	case 40001, 40014, 41001, 42001:
		return "The platform does not accept the access token: check the AppSecret, and that no other system resets this account's stable token with force_refresh."
	case 40013:
		return "The AppID is wrong: copy it from the platform's basic settings (基本配置)."
	case 40125:
		return "The AppSecret is wrong: copy it from the platform's basic settings (基本配置), or reset it there and enter the new one."
	case 40243:
		return "The AppSecret is frozen: unfreeze it in the platform's basic settings (基本配置)."
	case 40164:
		return "This server's address is not allowed: add the address that the message names to the IP allow-list (IP白名单) in the platform's basic settings."
	case 48001:
		return "The account may not use this call: it must be a verified service account (已认证的服务号), or a test account."
	case 45009:
		return "The account's quota for this call is used up until midnight in China: ask for a higher one on the platform, or reset it once with clear_quota."
	case 45011:
		return "The account makes this call too often in a minute: nothing needs to be changed unless it goes on."
	case 48006:
		return "The month's resets of the quota are used up: wait until midnight in China."
	case 40029, 40163:
		return "The web-authorization code was used before, or is not this account's: nothing needs to be changed unless it happens at every login."
	case 43004:
		return "The person does not follow the account."
	case 45015, 45047:
		return "The person has not been active in the chat lately, so the platform takes no message: nothing needs to be changed."
	case 10003:
		return "The web-authorization domain (网页授权域名) of the account is not this issuer's: set it in the platform's function settings (功能设置)."
	}
	return ""
}

// QuotaSpent reports that the day's or the minute's quota of a call is used up.
func QuotaSpent(err error) bool { return hasCode(err, 45009, 45011) }

// NotFollowing reports that the person does not follow the account.
func NotFollowing(err error) bool { return hasCode(err, 43004) }

// WindowClosed reports that the person may not be written to now, or has been written to too often.
func WindowClosed(err error) bool { return hasCode(err, 45015, 45047) }

// Unauthorised reports that the account may not make this call at all.
func Unauthorised(err error) bool { return hasCode(err, 48001) }

// IPNotAllowed reports that this server's address is not on the account's allow-list.
func IPNotAllowed(err error) bool { return hasCode(err, 40164) }

// CodeRefused reports that a web-authorization code was used before, is late or was never issued: begin again.
func CodeRefused(err error) bool { return hasCode(err, 40029, 40163, 42003) }

// tokenRefused reports that the platform does not take this access token (any more).
func tokenRefused(err error) bool { return hasCode(err, 40001, 40014, 42001) }

func hasCode(err error, codes ...int) bool {
	var e *APIError
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}

// callError is a call that did not get an answer of the API. Its text is redacted; its cause is there for errors.Is.
type callError struct {
	call  string
	text  string
	cause error // may be nil
}

func (e *callError) Error() string { return fmt.Sprintf("wechat %s: %s", e.call, e.text) }

func (e *callError) Is(target error) bool { return target == ErrUnavailable }

func (e *callError) Unwrap() error { return e.cause }
