package wechatflow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// stacks lends out deep stacks. A goroutine's stack grows with the deepest call, a query or a command to Redis, and stays
// so while its connection waits for half a minute: ten thousand of them would hold hundreds of megabytes for nothing. So
// polls make such calls on one of a few goroutines that do nothing else.
type stacks struct {
	calls   chan stackCall
	stop    context.CancelFunc
	running sync.WaitGroup
}

type stackCall struct {
	run  func()
	done chan error // what it panicked with, nil where it did not
}

const stackWorkers = 64

func newStacks() *stacks {
	ctx, stop := context.WithCancel(context.Background())
	s := &stacks{calls: make(chan stackCall), stop: stop}
	for range stackWorkers {
		s.running.Go(func() {
			for {
				select {
				case c := <-s.calls:
					c.done <- recovered(c.run)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	return s
}

// close ends the goroutines. Whoever still comes is told that they are busy.
func (s *stacks) close() {
	s.stop()
	s.running.Wait()
}

// stackPatience is how long a call waits for a goroutine. Most take a millisecond.
const stackPatience = time.Second

// errNoStack: all goroutines stay busy, and fn was not run. More calls at once would only make a store that is overloaded,
// or hangs, fail all of them.
var errNoStack = errors.New("no stack is free")

// run runs fn and returns when it has. Another error than errNoStack is its panic, with the stack of where it happened.
func (s *stacks) run(fn func()) error {
	c := stackCall{fn, make(chan error, 1)}
	select {
	case s.calls <- c:
	default:
		if !s.late(c) {
			return errNoStack
		}
	}
	return <-c.done
}

// late waits a while for a goroutine.
func (s *stacks) late(c stackCall) bool {
	over := time.NewTimer(stackPatience)
	defer over.Stop()
	select {
	case s.calls <- c:
		return true
	case <-over.C:
		return false
	}
}

// recovered runs fn, and returns what it panicked with, with the stack of where it happened. It is for goroutines of ours: a
// panic in one of those, which no handler's recovery sees, would end the server for everybody.
func recovered(fn func()) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v\n%s", fault, debug.Stack())
		}
	}()
	fn()
	return nil
}
