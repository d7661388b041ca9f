package wechatflow

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAskedIsBoundedAndEnds(t *testing.T) {
	var a asked
	now := time.Unix(1_800_000_000, 0)
	who := follower{"main", "openid"}
	require.False(t, a.today(who, now))
	a.note(who, now.Add(time.Hour))
	require.True(t, a.today(who, now.Add(time.Hour-1)))
	require.False(t, a.today(who, now.Add(time.Hour)))
	require.False(t, a.today(follower{"other", "openid"}, now), "an openid is one of its account")
	for n := range 2*maxAsked + 1 {
		last := follower{"main", strconv.Itoa(n)}
		a.note(last, now.Add(time.Hour))
		require.True(t, a.today(last, now))
		require.LessOrEqual(t, len(a.until), maxAsked)
	}
}
