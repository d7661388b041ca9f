package main

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const interval = 500 * time.Millisecond // between two polls of a device

// poll answers a TV that waits: one command to Redis gives the time of its last poll and sets this one's.
func (f *floor) poll(w http.ResponseWriter, r *http.Request) {
	id, secret := parse(r.PostForm.Get("device_code"))
	now := time.Now().UnixMilli()
	text, err := f.fast.SetArgs(r.Context(), "poll:"+token(id, hash(secret)), now, redis.SetArgs{Get: true, TTL: 15 * time.Minute}).Result()
	last, _ := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		http.Error(w, "unavailable", http.StatusServiceUnavailable)
	case now-last < interval.Milliseconds():
		answer(w, http.StatusBadRequest, `{"error":"slow_down"}`)
	default:
		answer(w, http.StatusBadRequest, `{"error":"authorization_pending"}`)
	}
}

// waits are the browsers that wait, by topic.
type waits struct{ topics sync.Map }

// wait answers when the topic is woken or the time is over.
func (f *floor) wait(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	seconds, _ := strconv.Atoi(q.Get("wait"))
	woken := make(chan struct{}, 1)
	f.topics.Store(q.Get("topic"), woken)
	defer f.topics.Delete(q.Get("topic"))
	over := time.NewTimer(time.Duration(seconds) * time.Second)
	defer over.Stop()
	select {
	case <-woken:
		answer(w, http.StatusOK, `{"state":"scanned","v":2}`)
	case <-over.C:
		answer(w, http.StatusOK, `{"state":"waiting","v":1}`)
	case <-r.Context().Done():
	}
}

func (f *floor) wake(w http.ResponseWriter, r *http.Request) {
	if woken, ok := f.topics.Load(r.URL.Query().Get("topic")); ok {
		select {
		case woken.(chan struct{}) <- struct{}{}:
		default:
		}
	}
	answer(w, http.StatusOK, `{}`)
}
