package wechatflow

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// tasks runs what an answer must not wait for: asking the platform for a unionid, telling somebody in the chat. It is
// all best effort: a full queue drops, and a shutdown gives up at its deadline.
type tasks struct {
	log    *slog.Logger
	queue  chan task
	done   sync.WaitGroup
	cancel context.CancelFunc
	mu     sync.RWMutex // held for writing while the queue closes
	closed bool
}

type task struct {
	name string
	run  func(context.Context) error
}

const (
	taskWorkers  = 4
	taskQueue    = 256
	taskDeadline = 10 * time.Second
)

func newTasks(log *slog.Logger) *tasks {
	ctx, cancel := context.WithCancel(context.Background())
	t := &tasks{log: log, queue: make(chan task, taskQueue), cancel: cancel}
	for range taskWorkers {
		t.done.Go(func() {
			for next := range t.queue {
				t.runOne(ctx, next)
			}
		})
	}
	return t
}

func (t *tasks) runOne(ctx context.Context, next task) {
	ctx, cancel := context.WithTimeout(ctx, taskDeadline)
	defer cancel()
	var err error
	if fault := recovered(func() { err = next.run(ctx) }); fault != nil {
		t.log.ErrorContext(ctx, "task panicked", "task", next.name, "panic", fault.Error())
	}
	if err != nil {
		t.log.WarnContext(ctx, "task failed", "task", next.name, "error", err)
	}
}

// submit queues a task; a task that finds no room is dropped and logged.
func (t *tasks) submit(ctx context.Context, name string, run func(context.Context) error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.closed {
		select {
		case t.queue <- task{name: name, run: run}:
			return
		default:
		}
	}
	t.log.WarnContext(ctx, "task dropped", "task", name)
}

// close takes no more, and waits for what is queued until ctx ends.
func (t *tasks) close(ctx context.Context) error {
	t.mu.Lock()
	if !t.closed {
		t.closed = true
		close(t.queue)
	}
	t.mu.Unlock()
	defer t.cancel()
	finished := make(chan struct{})
	go func() { // ends with the workers, which cancel ends
		t.done.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("finish the flow's tasks: %w", ctx.Err())
	}
}
