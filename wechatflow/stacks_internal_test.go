package wechatflow

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStacksRunOnceAndHandPanicsBack(t *testing.T) {
	s := newStacks()
	var mu sync.Mutex
	var all sync.WaitGroup
	runs := 0
	for range 20 * stackWorkers { // more than there are goroutines: the others wait
		all.Go(func() {
			done := false
			if ran := s.run(func() {
				mu.Lock()
				defer mu.Unlock()
				runs++
				done = true
			}); ran != done {
				t.Errorf("run reported %v, and its function ran: %v", ran, done)
			}
		})
	}
	all.Wait()
	require.Equal(t, 20*stackWorkers, runs)

	hang := make(chan struct{})
	for range stackWorkers {
		all.Go(func() { s.run(func() { <-hang }) })
	}
	require.Eventually(t, func() bool { return !s.run(func() {}) }, 10*time.Second, time.Millisecond, "all are busy")
	close(hang)
	all.Wait()
	require.True(t, s.run(func() {}), "and free again")

	require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { s.run(func() { panic(http.ErrAbortHandler) }) })
	defer func() {
		require.Contains(t, recover(), "boom\n", "with the stack of where it happened")
		s.close()
		require.False(t, s.run(func() {}), "the server has stopped")
	}()
	s.run(func() { panic("boom") })
}
