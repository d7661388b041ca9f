package wechatflow

import (
	"context"
	"fmt"
	"strings"
	"time"

	"qiao/storage"
	"qiao/wechatflow/wechat"
)

// handlePush does what a genuine push asks for and returns the chat's reply, empty for none, and whether that is known to
// be all there is to tell. An error means that nothing was committed, or that we do not know: the platform must deliver again.
func (f *Flow) handlePush(ctx context.Context, acc *account, m wechat.Message) (reply string, told bool, err error) {
	if m.Type == wechat.TypeText {
		return acc.replies.text("chat.unknown", replyData{}), false, nil
	}
	if m.Type != wechat.TypeEvent {
		return "", false, nil
	}
	switch m.Event {
	case wechat.EventSubscribe, wechat.EventScan:
		key, scanned := m.Scene()
		if scene, ours := ourScene(key); scanned && ours {
			return f.handleScan(ctx, acc, m, scene)
		}
		if scanned {
			f.Log.InfoContext(ctx, "scan of a code that is not ours, left to others", "account", acc.name, "event", m.Event)
		}
		if m.Event == wechat.EventSubscribe {
			reply, err = f.handleFollow(ctx, acc, m, key)
		}
	case wechat.EventUnsubscribe:
		err = f.recordFollow(ctx, acc, m, false)
	case wechat.EventClick:
		reply = acc.replies.click(m.EventKey)
	}
	return reply, false, err
}

// handleScan claims the scene's attempt for the person, by a scan or by the follow that a scan led to.
func (f *Flow) handleScan(ctx context.Context, acc *account, m wechat.Message, scene string) (reply string, told bool, err error) {
	number, choices := drawNumber()
	forDevice := strings.HasPrefix(scene, sceneDevice)
	outcome, attempt, err := f.Store.RecordScan(ctx, storage.Scan{
		Delivery: wechat.DeliveryKey(acc.name, m), Account: acc.name, OpenID: m.FromUser,
		Scene: storage.HashOf([]byte(scene)), ForDevice: forDevice, Ticket: m.Ticket, At: m.CreateTime,
		Number: number, Choices: choices, Alone: f.mayBeAlone(acc, m), Now: f.Now(),
	})
	if err != nil {
		return "", false, err
	}
	f.metrics.scans.WithLabelValues(outcomeName(outcome, attempt)).Inc()
	f.Log.InfoContext(ctx, "scan recorded", "account", acc.name, "outcome", outcomeName(outcome, attempt))
	if outcome == storage.ScanAccepted {
		f.moved(ctx, attempt)
		f.learnUnionID(ctx, acc, m.FromUser)
	}
	if forDevice {
		reply, err = f.deviceReply(ctx, acc, outcome, attempt)
	} else {
		reply, err = f.scanReply(ctx, acc, outcome, attempt)
	}
	return reply, attempt.Told, err
}

// mayBeAlone reports whether this push may be all there is to a login. In safe mode nobody but the platform can have made
// it: the other modes leave the body unsigned, and whoever sees one push could make another. And a scan that led to a follow
// is of somebody who has just followed: what they did before they left counts no more, whether we heard of it or not.
func (f *Flow) mayBeAlone(acc *account, m wechat.Message) bool {
	return f.ScanAlone && acc.Client.Account().Mode == wechat.ModeSafe && m.Event == wechat.EventScan
}

// scanReply says what came of a scan. It follows from what is recorded alone, so that a redelivery says the same.
func (f *Flow) scanReply(ctx context.Context, acc *account, outcome storage.ScanOutcome, attempt storage.Attempt) (string, error) {
	say := func(id string, data map[string]any) (string, error) {
		return f.Pages.Text(acc.replies.lang, id, data), nil
	}
	switch outcome {
	case storage.ScanAccepted, storage.ScanRepeated:
		client, err := f.client(ctx, attempt.ClientID, acc.replies.lang)
		if err != nil {
			return "", fmt.Errorf("look the client up: %w", err)
		}
		name := clientView(client, "").Name
		if attempt.Alone {
			return f.aloneReply(acc, attempt, name), nil
		}
		return acc.replies.text("chat.scan", replyData{Client: name, URL: f.phoneLink(attempt)}), nil
	case storage.ScanTaken:
		return say("chat.taken", nil)
	case storage.ScanBlocked:
		return say("chat.blocked", map[string]any{"Minutes": int(storage.WrongNumberPause / time.Minute)})
	case storage.ScanLocked:
		return say("chat.locked", nil)
	default:
		return say("chat.over", nil)
	}
}

// handleFollow records a follow that no login led to. A code of others brought the person in their own way, and they
// greet in their own way.
func (f *Flow) handleFollow(ctx context.Context, acc *account, m wechat.Message, scene string) (string, error) {
	if err := f.recordFollow(ctx, acc, m, true); err != nil {
		return "", err
	}
	f.learnUnionID(ctx, acc, m.FromUser)
	if scene != "" && scene != followScene {
		return "", nil
	}
	return acc.replies.text("chat.welcome", replyData{}), nil
}

// recordFollow stores a follow or unfollow. Where two opposite ones happened in the same second, only the platform
// knows which was the last.
func (f *Flow) recordFollow(ctx context.Context, acc *account, m wechat.Message, followed bool) error {
	event := storage.FollowEvent{
		Delivery: wechat.DeliveryKey(acc.name, m), Account: acc.name, OpenID: m.FromUser,
		Followed: followed, At: m.CreateTime, Now: f.Now(),
	}
	outcome, err := f.Store.RecordFollow(ctx, event)
	if err != nil || outcome != storage.FollowTied {
		return err
	}
	info, err := acc.Client.UserInfo(ctx, m.FromUser)
	if err != nil {
		return fmt.Errorf("ask whether the person follows: %w", err)
	}
	event.Followed, event.Asked = info.Subscribed, true
	_, err = f.Store.RecordFollow(ctx, event)
	return err
}
