package wechatflow

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"qiao/storage"
	"qiao/wechatflow/wechat"
)

// noticesAtOnce is how many notices one message carries.
const noticesAtOnce = 2

// releaseDeadline is how long giving a notice back may take: its message has failed already, and so has perhaps its time.
const releaseDeadline = 2 * time.Second

// Tell tells the person what they were not told so far: a sign-in somewhere new, another number. A scan has opened the
// platform's window for such messages, for a minute, and a message of theirs for two days; where it is closed, or the
// platform is in trouble, the notice waits for the next contact (withNotices). It returns at once.
func (f *Flow) Tell(ctx context.Context, accountName, openID string) {
	acc, ok := f.accounts[accountName]
	if !ok {
		return
	}
	f.tasks.submit(ctx, "tell in the chat", func(ctx context.Context) error {
		claim := storage.NewSecret().Hash()
		notices, err := f.Store.ClaimNotices(ctx, acc.name, openID, claim, noticesAtOnce, f.Now())
		if err != nil {
			return err
		}
		for _, n := range notices {
			if sent := acc.Client.SendText(ctx, openID, f.noticeText(ctx, acc, n)); sent != nil {
				err = errors.Join(err, sent, f.release(ctx, n.ID, claim))
			}
		}
		return err
	})
}

// tellAll tells each of them, where there is something to tell.
func (f *Flow) tellAll(ctx context.Context, identities []storage.Identity) {
	for _, i := range identities {
		f.Tell(ctx, i.Account, i.OpenID)
	}
}

// withNotices appends what the person was not told so far to the reply to their message. They belong to this delivery: the
// same one again gets the same reply. The reply goes out without them when the Store does not answer.
func (f *Flow) withNotices(ctx context.Context, acc *account, m wechat.Message, reply string) string {
	if !contact(m) {
		return reply
	}
	claim := wechat.DeliveryKey(acc.name, m)
	notices, err := f.Store.ClaimNotices(ctx, acc.name, m.FromUser, claim, noticesAtOnce, f.Now())
	if err != nil {
		f.Log.WarnContext(ctx, "notices not looked for, they wait", "account", acc.name, "error", err)
		return reply
	}
	for _, n := range notices {
		text := f.noticeText(ctx, acc, n)
		if reply != "" {
			text = reply + "\n\n" + text
		}
		if len(text) > maxReplyBytes { // it waits for a shorter reply
			if err := f.release(ctx, n.ID, claim); err != nil {
				f.Log.WarnContext(ctx, "notice not given back", "account", acc.name, "error", err)
			}
			continue
		}
		reply = text
	}
	return reply
}

// contact reports whether the push is something that the person did in the chat, which a reply may answer.
func contact(m wechat.Message) bool {
	if m.Type != wechat.TypeEvent {
		return true
	}
	return m.Event == wechat.EventSubscribe || m.Event == wechat.EventScan || m.Event == wechat.EventClick
}

func (f *Flow) release(ctx context.Context, id storage.ID, claim storage.Hash) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseDeadline)
	defer cancel()
	return f.Store.ReleaseNotice(ctx, id, claim)
}

// noticeText follows from the notice and its client alone.
func (f *Flow) noticeText(ctx context.Context, acc *account, n storage.Notice) string {
	if n.Kind == storage.NoticeMoved { // there is nothing to take back, so it has no link
		phone, err := f.masked(n.PhoneSealed)
		if err != nil { // its master key was taken out since
			f.Log.WarnContext(ctx, "notice of a moved number without the number", "error", err)
		}
		return f.Pages.Text(acc.replies.lang, "chat.moved", map[string]any{"Phone": phone})
	}
	id, device := "chat.notice", cmp.Or(n.Device.Name, f.Pages.Text(acc.replies.lang, "confirm.unknown_device", nil))
	if n.Kind == storage.NoticeTV {
		id, device = "chat.notice_tv", cmp.Or(n.Device.Name, f.Pages.Text(acc.replies.lang, "chat.device_unnamed", nil))
	} else if n.Device.Place != "" {
		device += " · " + n.Device.Place
	}
	if n.Kind == storage.NoticePhone {
		id = "chat.notice_phone"
	}
	return f.Pages.Text(acc.replies.lang, id, map[string]any{
		"Client": plain(clientView(f.noticeClient(ctx, n), "").Name), "Device": plain(device), "URL": f.noticeLink(n),
	})
}

// aloneReply tells at once of a login by the scan alone. Its notice has the attempt's ID, so that the link follows from the
// attempt, as the reply's other words do: a redelivery says the same.
func (f *Flow) aloneReply(acc *account, a storage.Attempt, client string) string {
	text := func(id string, data map[string]any) string { return f.Pages.Text(acc.replies.lang, id, data) }
	return text("chat.scan_alone", map[string]any{
		"Client": plain(client), "Device": plain(cmp.Or(a.Device.Name, text("confirm.unknown_device", nil))),
		"Place": plain(cmp.Or(a.Device.Place, text("confirm.unknown_place", nil))), "Time": chatTime(a.ScannedAt),
		"URL": f.noticeLink(storage.Notice{ID: a.ID, Account: a.Account, OpenID: a.OpenID}),
	})
}

// chatTime is a moment as the chat of an account in China shows it, whatever zone the server is in.
func chatTime(at time.Time) string {
	return at.In(time.FixedZone("UTC+8", 8*60*60)).Format("2006-01-02 15:04 (UTC+8)")
}

// noticeClient is the client of a notice; of one that is gone its name is its ID.
func (f *Flow) noticeClient(ctx context.Context, n storage.Notice) storage.Client {
	client, err := f.Client(ctx, n.ClientID)
	if err != nil {
		return storage.Client{ID: n.ClientID}
	}
	return client
}

// noticeLink is derived, as the phone link is: the same notice always has the same.
func (f *Flow) noticeLink(n storage.Notice) string {
	return f.url(f.noticePath(n))
}

func (f *Flow) noticePath(n storage.Notice) string {
	return "/phone/notice/" + n.ID.String() + "." + f.noticeToken(n)
}

func (f *Flow) noticeToken(n storage.Notice) string {
	mac := f.Box.MAC("notice link", n.ID[:], []byte(n.Account), []byte(n.OpenID))
	return base64.RawURLEncoding.EncodeToString(mac[:16])
}

// noticeOrigin tells which account a round of web authorization for a notice belongs to, and where to try again.
func (f *Flow) noticeOrigin(ctx context.Context, idText string) (accountName, retry string, err error) {
	id, err := storage.ParseID(idText)
	if err != nil {
		return "", "", fmt.Errorf("read the purpose of a web authorization: %w", err)
	}
	n, err := f.Store.Notice(ctx, id, f.Now())
	if errors.Is(err, storage.ErrExpired) {
		err = endError("notice_over")
	}
	return n.Account, f.noticePath(n), err
}
