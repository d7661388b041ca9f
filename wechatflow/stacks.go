package wechatflow

import (
	"context"
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
	done chan any // what it panicked with, nil where it did not
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
					c.done <- c.recovered()
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

// run runs fn, returns when it has, and reports true. Where all goroutines stay busy it reports false instead: more calls
// at once would only make a store that is overloaded, or hangs, fail all of them.
func (s *stacks) run(fn func()) bool {
	c := stackCall{fn, make(chan any, 1)}
	select {
	case s.calls <- c:
	default:
		late := time.NewTimer(stackPatience)
		defer late.Stop()
		select {
		case s.calls <- c:
		case <-late.C:
			return false
		}
	}
	if fault := <-c.done; fault != nil {
		panic(fault)
	}
	return true
}

func (c stackCall) recovered() (fault any) {
	defer func() {
		if fault = recover(); fault != nil {
			if _, ok := fault.(error); !ok { // an error may be a sentinel of net/http's
				fault = fmt.Sprintf("%v\n%s", fault, debug.Stack())
			}
		}
	}()
	c.run()
	return nil
}
