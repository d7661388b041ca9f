package wechatflow

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"qiao/storage"
)

// Rate is so many within a window. Max 0 means the default, below 0 no limit.
type Rate struct {
	Max    int
	Window time.Duration
}

// Limits of the flow. Those of pages and codes are rates in Signals: they keep strangers from burning what others need.
// Those of text messages and user codes are durable counters in the Store: they bound money and guesses, and hold with
// Signals flushed.
type Limits struct {
	PagesPerAddress Rate // login pages and polls
	MintsPerAddress Rate // codes asked from the platform, which has a daily quota; above it our own page is the code
	MintsPerClient  Rate

	UserCodesPerAddress int // wrong user codes of devices, in an hour; these two are durable
	UserCodesInAll      int

	MessagesPerPhoneMinute Rate
	MessagesPerPhone       Rate
	MessagesPerOpenID      Rate
	MessagesPerAddress     Rate
	MessagesPerNetwork     Rate // /24, or /48 of IPv6
	MessagesPerDay         Rate // all of them: the day's budget

	WaitersPerBrowser int // long polls at once in this replica
	WaitersPerAddress int

	// Countries whose numbers get text messages, as regions such as "CN". The default is China alone: text messages to
	// far places are what message pumping lives on.
	Countries []string
}

func (l *Limits) setDefaults() {
	for _, d := range []struct {
		value  *Rate
		max    int
		window time.Duration
	}{
		{&l.PagesPerAddress, 1200, time.Minute},
		{&l.MintsPerAddress, 200, 10 * time.Minute},
		{&l.MintsPerClient, 4_000, time.Hour},
		{&l.MessagesPerPhoneMinute, 2, time.Minute}, // two: one may be lost at the sender's
		{&l.MessagesPerPhone, 10, 24 * time.Hour},
		{&l.MessagesPerOpenID, 5, 24 * time.Hour},
		{&l.MessagesPerAddress, 60, time.Hour},
		{&l.MessagesPerNetwork, 200, time.Hour},
		{&l.MessagesPerDay, 10_000, 24 * time.Hour},
	} {
		if d.value.Max == 0 {
			d.value.Max = d.max
		}
		if d.value.Window <= 0 {
			d.value.Window = d.window
		}
	}
	if l.WaitersPerBrowser == 0 {
		l.WaitersPerBrowser = 6
	}
	if l.WaitersPerAddress == 0 {
		l.WaitersPerAddress = 2000
	}
	if l.UserCodesPerAddress == 0 {
		l.UserCodesPerAddress = 60
	}
	if l.UserCodesInAll == 0 {
		l.UserCodesInAll = 3000
	}
	if len(l.Countries) == 0 {
		l.Countries = []string{"CN"}
	}
}

// allow counts one use in Signals.
func (f *Flow) allow(ctx context.Context, name string, rate Rate, parts ...[]byte) (ok bool, retryAfter time.Duration, err error) {
	return f.allowAll(ctx, f.use(name, rate, parts...))
}

// use is a use of what the parts name. They are hashed: Signals learns no address.
func (f *Flow) use(name string, rate Rate, parts ...[]byte) storage.Use {
	key := storage.Hash(f.Box.MAC("rate "+name, parts...))
	return storage.Use{Key: "rate " + name + " " + storage.Secret(key).Text(), Max: rate.Max, Window: rate.Window}
}

// allowAll counts the uses that have a limit, at once and up to the first that is refused. Without any, Signals are not
// even asked.
func (f *Flow) allowAll(ctx context.Context, uses ...storage.Use) (ok bool, retryAfter time.Duration, err error) {
	uses = slices.DeleteFunc(uses, func(u storage.Use) bool { return u.Max < 0 })
	if len(uses) == 0 {
		return true, 0, nil
	}
	return f.Signals.Allow(ctx, uses...)
}

// allowPage limits the login pages and polls of one address. Signals that do not answer limit nothing here: a login
// that has begun goes on.
func (f *Flow) allowPage(r *http.Request) (ok bool, retryAfter time.Duration) {
	ok, retryAfter, _ = f.countPage(r)
	return ok, retryAfter
}

// countPage is allowPage for one who has to know whether the Signals answer.
func (f *Flow) countPage(r *http.Request) (ok bool, retryAfter time.Duration, down error) {
	if f.Limits.PagesPerAddress.Max < 0 {
		return true, 0, f.Signals.Ping(r.Context())
	}
	ok, retryAfter, down = f.allow(r.Context(), "page", f.Limits.PagesPerAddress, addressBytes(f.Guard.Address(r)))
	return ok || down != nil, retryAfter, down
}

// messageLimits are the durable limits that one text message counts against.
func (f *Flow) messageLimits(account, openID string, phoneIndex []byte, address netip.Addr) []storage.Limit {
	bits := 24
	if address.Is6() {
		bits = 48
	}
	network, _ := address.Prefix(bits) // the zero prefix where the address is unknown: those share one counter
	networkBytes, _ := network.MarshalBinary()
	l := &f.Limits
	var limits []storage.Limit
	for _, c := range []struct {
		name, counter string
		rate          Rate
		key           [][]byte
	}{
		{"phone", "phone minute", l.MessagesPerPhoneMinute, [][]byte{phoneIndex}},
		{"phone", "phone", l.MessagesPerPhone, [][]byte{phoneIndex}},
		{"openid", "openid", l.MessagesPerOpenID, [][]byte{[]byte(account), []byte(openID)}},
		{"address", "address", l.MessagesPerAddress, [][]byte{addressBytes(address)}},
		{"address", "network", l.MessagesPerNetwork, [][]byte{networkBytes}},
		{"day", "day", l.MessagesPerDay, nil},
	} {
		if c.rate.Max < 0 {
			continue
		}
		limits = append(limits, storage.Limit{
			Name: c.name, Key: f.Box.MAC("message limit "+c.counter, c.key...), Max: c.rate.Max, Window: c.rate.Window,
		})
	}
	return limits
}

// customerOf is whose share an address uses: an IPv6 customer has a whole /64 to choose from.
func customerOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		return netip.PrefixFrom(a, 64).Masked().Addr()
	}
	return a
}

func addressBytes(a netip.Addr) []byte {
	b, _ := customerOf(a).MarshalBinary()
	return b
}
