package wechatflow

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStacksRunOnceAndHandPanicsBack(t *testing.T) {
	s := newStacks()
	var mu sync.Mutex
	var all sync.WaitGroup
	runs := 0
	for range 20 * stackWorkers { // more than there are goroutines: the others run on their own
		all.Go(func() {
			done := false
			s.run(func() {
				mu.Lock()
				defer mu.Unlock()
				runs++
				done = true
			})
			if !done {
				t.Error("run returned before its function had")
			}
		})
	}
	all.Wait()
	require.Equal(t, 20*stackWorkers, runs)

	require.PanicsWithError(t, http.ErrAbortHandler.Error(), func() { s.run(func() { panic(http.ErrAbortHandler) }) })
	defer func() {
		require.Contains(t, recover(), "boom\n", "with the stack of where it happened")
		s.close()
		ran := false
		s.run(func() { ran = true })
		require.True(t, ran, "also when the server has stopped")
	}()
	s.run(func() { panic("boom") })
}
