package storage_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"qiao/storage"
)

func TestUserCodeAsPeopleTypeIt(t *testing.T) {
	want := storage.UserCode([]byte("WDJBMJHT"))
	require.Equal(t, "WDJB-MJHT", want.Text())
	for _, typed := range []string{
		"WDJB-MJHT", "wdjb-mjht", "WDJBMJHT", " wdjb mjht ", "W D J B M J H T", "Wdjb–Mjht", "wdjb—mjht", "ＷＤＪＢ－ＭＪＨＴ", "ｗｄｊｂ　ｍｊｈｔ", "WDJB‐MJHT\n",
	} {
		got, err := storage.ParseUserCode(typed)
		require.NoError(t, err, typed)
		require.Equal(t, want, got, typed)
	}
	for _, typed := range []string{
		"", "WDJB", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH1", "WDJB_MJHT", "WDJB.MJHT", "WDJBMJH\x00", "WDJBMJHŦ", "WDJBMJHſ",
		"WDJB-MJHT" + strings.Repeat(" ", 200), "\xff\xfe", "ẈDJBMJHT",
	} {
		_, err := storage.ParseUserCode(typed)
		require.ErrorIs(t, err, storage.ErrNotFound, "%q", typed)
	}
}

// Every letter stands in every place about equally often: a code that is likelier than others is guessed first.
func TestNewUserCode(t *testing.T) {
	shape := regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`)
	var seen [8][256]int
	const draws = 20_000
	for range draws {
		c := storage.NewUserCode()
		require.Regexp(t, shape, c.Text())
		for i, letter := range c {
			seen[i][letter]++
		}
	}
	for i := range seen {
		for letter, n := range seen[i] {
			if n > 0 {
				require.InDelta(t, draws/20, n, 200, "%c in place %d", letter, i) // more than six standard deviations
			}
		}
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %s", storage.NewUserCode(), storage.NewUserCode(), storage.NewUserCode()), "-")
}

func TestPollKeyTellsApart(t *testing.T) {
	id, other := storage.ID{1}, storage.ID{2}
	code, wrong := storage.HashOf([]byte("a")), storage.HashOf([]byte("b"))
	keys := map[string]bool{}
	for _, key := range []string{
		storage.PollKey(id, code, "tv"), storage.PollKey(other, code, "tv"), storage.PollKey(id, wrong, "tv"), storage.PollKey(id, code, "tv2"),
		storage.PollKey(id, code, ""),
	} {
		require.False(t, keys[key])
		keys[key] = true
	}
	d := storage.DeviceAuthorization{ID: id, CodeHash: code, ClientID: "tv"}
	require.True(t, keys[d.PollKey()])
}

func FuzzParseUserCode(f *testing.F) {
	f.Add("wdjb-mjht")
	f.Add("ＷＤＪＢ")
	f.Fuzz(func(t *testing.T, typed string) {
		c, err := storage.ParseUserCode(typed)
		if err != nil {
			return
		}
		again, err := storage.ParseUserCode(c.Text())
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

// An ID says when it was made: a device code's end is reckoned from it.
func TestIDTime(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)
	require.True(t, at.Truncate(time.Millisecond).Equal(storage.NewID(at).Time()))
}
