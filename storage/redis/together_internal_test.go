package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// road is what trips go over: each reports what it carries, and waits until it is let go with an error or without.
type road struct {
	t       *testing.T
	carried chan []int
	gate    chan error
	*together[int, string]
}

func newRoad(t *testing.T) *road {
	r := &road{t: t, carried: make(chan []int, 100), gate: make(chan error)}
	r.together = &together[int, string]{timeout: time.Minute, send: func(_ context.Context, questions []int) ([]string, error) {
		r.carried <- questions
		if err := <-r.gate; err != nil {
			return nil, err
		}
		answers := make([]string, len(questions))
		for n, q := range questions {
			answers[n] = strconv.Itoa(q)
		}
		return answers, nil
	}}
	return r
}

// start asks, and returns once the question is on its way or waits.
func (r *road) start(ctx context.Context, question int) <-chan result[string] {
	out := make(chan result[string], 1)
	under, waiting := r.state()
	go func() {
		answer, err := r.ask(ctx, question)
		out <- result[string]{answer, err}
	}()
	require.Eventually(r.t, func() bool {
		u, w := r.state()
		return u > under || w > waiting
	}, time.Minute, time.Millisecond)
	return out
}

func (r *road) state() (under, waiting int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.under, len(r.waiting)
}

func TestCallersThatWaitGoTogether(t *testing.T) {
	r := newRoad(t)
	first, second := r.start(t.Context(), 1), r.start(t.Context(), 2)
	require.ElementsMatch(t, []int{1, 2}, append(<-r.carried, <-r.carried...), "who finds a trip free waits for nobody")
	gone, hangUp := context.WithCancel(t.Context())
	var waiting []<-chan result[string]
	for q := 3; q < 10; q++ {
		waiting = append(waiting, r.start(t.Context(), q))
	}
	left := r.start(gone, 10)
	hangUp()
	require.ErrorIs(t, (<-left).err, context.Canceled)

	r.gate <- nil
	require.Equal(t, []int{3, 4, 5, 6, 7, 8, 9}, <-r.carried, "all at once, in their order, without the one that is gone")
	broken := errors.New("broken")
	r.gate <- broken // one of the trips: the other's answers are its own
	r.gate <- nil
	var failed int
	for n, out := range append([]<-chan result[string]{first, second}, waiting...) {
		if got := <-out; got.err != nil {
			require.ErrorIs(t, got.err, broken)
			failed++
		} else {
			require.Equal(t, strconv.Itoa(n+1), got.answer)
		}
	}
	require.Contains(t, []int{1, len(waiting)}, failed, "an error is told to those of its trip, and to nobody else")
	require.Eventually(t, func() bool { under, _ := r.state(); return under == 0 }, time.Minute, time.Millisecond)
	again := r.start(t.Context(), 11)
	r.gate <- nil
	require.Equal(t, result[string]{answer: "11"}, <-again)
	r.close()
}

func TestTripsAreBounded(t *testing.T) {
	r := newRoad(t)
	r.start(t.Context(), 0)
	r.start(t.Context(), 1)
	<-r.carried
	<-r.carried
	var waiting []<-chan result[string]
	for q := range 2*batchMost + 5 {
		waiting = append(waiting, r.start(t.Context(), q))
	}
	for _, want := range []int{batchMost, batchMost, 5} {
		r.gate <- nil
		require.Len(t, <-r.carried, want)
	}
	r.gate <- nil
	r.gate <- nil
	for q, out := range waiting {
		require.Equal(t, result[string]{answer: strconv.Itoa(q)}, <-out)
	}
	r.close()
}

func TestCloseRefusesWhoWaits(t *testing.T) {
	r := newRoad(t)
	first, second := r.start(t.Context(), 1), r.start(t.Context(), 2)
	carried, late := r.start(t.Context(), 3), make(chan bool)
	r.gate <- nil
	for range 3 {
		<-r.carried
	}
	waiting := r.start(t.Context(), 4) // while the third is carried
	go func() {
		r.close()
		close(late)
	}()
	require.ErrorIs(t, (<-waiting).err, driver.ErrClosed)
	_, err := r.ask(t.Context(), 5)
	require.ErrorIs(t, err, driver.ErrClosed)
	select {
	case <-late:
		t.Fatal("a trip is still under way")
	default:
	}
	r.gate <- nil
	r.gate <- nil
	<-late
	for _, out := range []<-chan result[string]{first, second, carried} {
		require.NoError(t, (<-out).err)
	}
}

func TestAnAnswerIsMissing(t *testing.T) {
	short := &together[int, int]{timeout: time.Minute, send: func(context.Context, []int) ([]int, error) { return nil, nil }}
	_, err := short.ask(t.Context(), 1)
	require.Error(t, err)
}

// Whoever comes, goes or hangs up: each gets the answer to its own question, and no more trips than there may be are
// under way.
func TestTripsRace(t *testing.T) {
	var under, asked atomic.Int64
	r := &together[int, int]{timeout: time.Minute, send: func(_ context.Context, questions []int) ([]int, error) {
		if n := under.Add(1); n > trips {
			t.Errorf("%d trips at once", n)
		}
		defer under.Add(-1)
		asked.Add(int64(len(questions)))
		time.Sleep(time.Duration(rand.N(200)) * time.Microsecond)
		answers := make([]int, len(questions))
		for n, q := range questions {
			answers[n] = -q
		}
		return answers, nil
	}}
	var group sync.WaitGroup
	var answered atomic.Int64
	for i := range 50 {
		group.Go(func() {
			for j := range 40 {
				ctx, cancel := context.WithCancel(context.Background())
				if rand.N(4) == 0 {
					time.AfterFunc(time.Duration(rand.N(300))*time.Microsecond, cancel)
				}
				question := 1000*i + j
				switch answer, err := r.ask(ctx, question); {
				case err == nil && answer != -question:
					t.Errorf("%d was answered %d", question, answer)
				case err == nil:
					answered.Add(1)
				case !errors.Is(err, context.Canceled):
					t.Errorf("ask: %v", err)
				}
				cancel()
			}
		})
	}
	group.Wait()
	r.close()
	require.GreaterOrEqual(t, asked.Load(), answered.Load())
	require.Zero(t, r.under)
	require.Empty(t, r.waiting)
}
