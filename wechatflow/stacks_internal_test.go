package wechatflow

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A task that panics is told in the log, and its goroutine goes on.
func TestTaskThatPanics(t *testing.T) {
	var log bytes.Buffer
	tasks := newTasks(slog.New(slog.NewTextHandler(&log, nil)))
	var all sync.WaitGroup
	for range 3 * taskWorkers {
		all.Add(1)
		tasks.submit(t.Context(), "panic", func(context.Context) error {
			defer all.Done()
			panic("boom")
		})
	}
	all.Wait()
	require.NoError(t, tasks.close(t.Context()))
	require.Equal(t, 3*taskWorkers, strings.Count(log.String(), "task panicked"))
}

func TestStacksRunOnceAndTellPanics(t *testing.T) {
	s := newStacks()
	var mu sync.Mutex
	var all sync.WaitGroup
	runs := 0
	for range 20 * stackWorkers { // more than there are goroutines: the others wait
		all.Go(func() {
			done := false
			if err := s.run(func() {
				mu.Lock()
				defer mu.Unlock()
				runs++
				done = true
			}); err != nil || !done {
				t.Errorf("run reported %v, and its function ran: %v", err, done)
			}
		})
	}
	all.Wait()
	require.Equal(t, 20*stackWorkers, runs)

	hang := make(chan struct{})
	for range stackWorkers {
		all.Go(func() {
			if err := s.run(func() { <-hang }); err != nil {
				t.Error(err)
			}
		})
	}
	require.Eventually(t, func() bool { return errors.Is(s.run(func() {}), errNoStack) }, 10*time.Second, time.Millisecond, "all are busy")
	close(hang)
	all.Wait()
	require.NoError(t, s.run(func() {}), "and free again")

	err := s.run(func() { panic("boom") })
	require.ErrorContains(t, err, "boom\n", "with the stack of where it happened")
	require.ErrorContains(t, err, "stacks_internal_test.go")
	require.NotErrorIs(t, err, errNoStack)
	require.NoError(t, s.run(func() {}), "a panic costs no goroutine")
	s.close()
	require.ErrorIs(t, s.run(func() {}), errNoStack, "the server has stopped")
}
