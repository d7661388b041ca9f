package storage

import (
	"context"
	"time"
)

// Store is the durable record. sqlite and postgres implement it.
type Store interface {
	Clients
	SigningKeys
	Users
	Logins
	Sessions
	Grants
	Devices
	Notices
	PhoneChanges
	Accounts
	Operations
}

// Modes that a database is marked with.
const (
	ModeDemo       = "demo"
	ModeProduction = "production"
)

// AuditEntry is one line of the audit log. The transitions write their own; Audit adds those of the commands.
type AuditEntry struct {
	ID       int64
	At       time.Time
	Actor    string // "user", "system", or the operator's name
	Action   string // such as "login", "phone.bind", "login.decline", "user.lock"
	UserID   string
	ClientID string
	Account  string
	Detail   string // never a secret, phone or openid
}

// Health is what readiness asks for.
type Health struct {
	Now           time.Time // the database's clock
	SchemaVersion int64
	WantVersion   int64 // of this program
}

// Operations are the transitions that keep the store itself.
type Operations interface {
	// Mark claims a fresh database for a mode; ErrConflict when it is marked with the other one.
	Mark(ctx context.Context, mode string) error
	// Audit appends an entry; ListAudit returns the newest first.
	Audit(ctx context.Context, e AuditEntry) error
	ListAudit(ctx context.Context, userID string, limit int) ([]AuditEntry, error)
	// Sweep removes what has expired, at most limit rows of each kind, and reports how many rows it changed; call again
	// while it is limit or more.
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)
	// Health fails when the database does not answer.
	Health(ctx context.Context) (Health, error)
	// Close waits for what is under way.
	Close() error
}

// Signals is the nervous system between replicas: never the record. memory and redis implement it. Every error means
// "unreachable".
type Signals interface {
	// Wake tells all watchers of the topic, in every replica, that something changed. It may be lost: watchers look at the
	// Store from time to time too.
	Wake(ctx context.Context, topic string) error
	// Watch has wake called after each wake-up of the topic, and after the connection behind it was lost and came back,
	// until stop: not once stop has returned. wake must neither wait nor watch or stop anything. Stopped twice is once.
	Watch(topic string, wake func()) (stop func())
	// Allow counts uses, each against its rate, in their order and in one round trip. It reports whether all are within
	// their rates, or when to retry the first that is not: those behind it are not counted. Nobody else's use comes in
	// between. No uses are none to refuse.
	Allow(ctx context.Context, uses ...Use) (ok bool, retryAfter time.Duration, err error)
	// Get returns a shared value, nil when there is none; Put stores one for ttl. Values are sealed by the caller.
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Lock takes a short lock across replicas: ok is false while another holds it. unlock gives it up early, and only
	// if it is still ours.
	Lock(ctx context.Context, key string, ttl time.Duration) (unlock func(), ok bool, err error)
	// MarkPending says that the device code behind key is pending: for ttl, polls of it are answered from here, at most one
	// an interval. Marked again it is trusted for ttl from now on, and keeps its interval and its last poll. So ttl bounds
	// how long a ClearPending that was lost is felt. The key must not be found with another secret or by another client:
	// it is a hash of the device code and the client.
	MarkPending(ctx context.Context, key string, interval, ttl time.Duration) error
	// PollPending counts a poll, in one round trip and across replicas. A poll that comes too soon after the last one makes
	// the interval longer by SlowDown, and is the last one itself from then on. The clock is the signals' own, for those of
	// the replicas may be apart. A key that was not marked is not Pending, and leaves nothing behind.
	PollPending(ctx context.Context, key string) (Poll, error)
	// ClearPending lets the next polls ask the Store. Their pace is kept, for the Store may say that it is pending still. For
	// ClearHolds it is not marked again: a poll that has asked the Store just before the decision would hide it.
	ClearPending(ctx context.Context, key string) error
	// Ping reports whether the signals are reachable.
	Ping(ctx context.Context) error
	Close() error
}

// Use is a use of what Key names, which may be used Max times in a Window that begins with its first use.
type Use struct {
	Key    string
	Max    int
	Window time.Duration
}

// Poll is what Signals know of a poll of a device code (RFC 8628 §3.5). While they are unreachable it is the zero Poll:
// the answer is right, and only the pace is not enforced.
type Poll struct {
	Pending bool // nobody has decided: there is no need to ask the Store
	TooSoon bool // a pending device is to be told slow_down
}

// SlowDown is how much longer the interval becomes with each poll that comes too soon (RFC 8628 §3.5), and PaceKept how
// long the pace of a device code is remembered after its mark has ended.
const (
	SlowDown = 5 * time.Second
	PaceKept = 5 * time.Minute
	// ClearHolds is for how long a ClearPending holds off a MarkPending that rests on what was before it.
	ClearHolds = 5 * time.Second
)

// Watch is a topic that is watched by a channel.
type Watch struct {
	C     <-chan struct{} // receives after wake-ups: those that come before the caller looks are kept as one
	Close func()          // ends it; the channel is not closed
}

// NewWatch watches the topic.
func NewWatch(s interface {
	Watch(topic string, wake func()) (stop func())
}, topic string) Watch {
	woken := make(chan struct{}, 1)
	return Watch{C: woken, Close: s.Watch(topic, func() {
		select {
		case woken <- struct{}{}:
		default: // an earlier wake-up is waiting there
		}
	})}
}
