package wechat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ArtisanCloud/PowerLibs/v3/cache"
	"github.com/ArtisanCloud/PowerLibs/v3/logger/contract"
	"github.com/ArtisanCloud/PowerLibs/v3/object"
	"github.com/ArtisanCloud/PowerWeChat/v3/src/officialAccount"
)

// sdk is one PowerWeChat instance. Its clients write to themselves while they make a call, so an instance belongs to
// one call at a time, and that call's token is simply put into it.
type sdk struct {
	*officialAccount.OfficialAccount
	token string
}

// sdkPool keeps instances that are not in use. It never blocks: there is a new one when it is empty.
type sdkPool struct {
	idle chan *sdk
	make func() (*sdk, error)
}

func (p *sdkPool) take() (*sdk, error) {
	select {
	case s := <-p.idle:
		return s, nil
	default:
		return p.make()
	}
}

func (p *sdkPool) give(s *sdk) {
	s.token = ""
	select {
	case p.idle <- s:
	default:
	}
}

// newSDK makes an instance that can do no harm: it never learns the AppSecret, gets its token from us, sends through
// our transport, logs nothing and caches nothing. By default it would write log files below the working directory, and
// tokens to the home directory, readable by everybody.
func newSDK(appID string, transport http.RoundTripper, timeout time.Duration) (*sdk, error) {
	app, err := officialAccount.NewOfficialAccount(&officialAccount.UserConfig{
		AppID: appID,
		Log:   officialAccount.Log{Driver: silent{}},
		Cache: noCache{},
		Http: officialAccount.Http{
			BaseURI:   realAPI, // the transport maps it; the slash at the end is needed
			Timeout:   (timeout + time.Second).Seconds(),
			Transport: transport,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("set up PowerWeChat: %w", err)
	}
	s := &sdk{OfficialAccount: app}
	app.AccessToken.GetCustomToken = func(string, bool) object.HashMap {
		return object.HashMap{"access_token": s.token, "expires_in": float64(60)} // it insists on a float64
	}
	return s, nil
}

// silent is a logger for the SDK: what it logs are URLs with tokens.
type silent struct{}

var _ contract.LoggerInterface = silent{}

func (silent) Debug(string, ...any)                                   {}
func (silent) Info(string, ...any)                                    {}
func (silent) Warn(string, ...any)                                    {}
func (silent) Error(string, ...any)                                   {}
func (silent) Panic(string, ...any)                                   {}
func (silent) Fatal(string, ...any)                                   {}
func (silent) DebugF(string, ...any)                                  {}
func (silent) InfoF(string, ...any)                                   {}
func (silent) WarnF(string, ...any)                                   {}
func (silent) ErrorF(string, ...any)                                  {}
func (silent) PanicF(string, ...any)                                  {}
func (silent) FatalF(string, ...any)                                  {}
func (s silent) WithContext(context.Context) contract.LoggerInterface { return s }

// noCache is a cache for the SDK that keeps nothing: the token is not its business.
type noCache struct{}

var _ cache.CacheInterface = noCache{}

var errNoCache = errors.New("nothing is cached here")

func (noCache) Get(string, any) (any, error)          { return nil, errNoCache }
func (noCache) Set(string, any, time.Duration) error  { return errNoCache }
func (noCache) Has(string) bool                       { return false }
func (noCache) AddNX(string, any, time.Duration) bool { return false }
func (noCache) Add(string, any, time.Duration) error  { return errNoCache }
func (noCache) Remember(string, time.Duration, func() (any, error)) (any, error) {
	return nil, errNoCache
}
