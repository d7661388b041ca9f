package redis_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"qiao/storage/redis"
	"qiao/storage/storagetest/servers"
)

// What a poll of a device code costs while many devices poll.
func BenchmarkPollPending(b *testing.B) {
	s, err := redis.Open(b.Context(), redis.Config{URL: servers.Redis(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const devices = 10_000
	for n := range devices {
		if err := s.MarkPending(b.Context(), strconv.Itoa(n), 5*time.Second, time.Minute); err != nil {
			b.Fatal(err)
		}
	}
	var next atomic.Int64
	b.SetParallelism(64)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.PollPending(b.Context(), strconv.FormatInt(next.Add(1)%devices, 10)); err != nil {
				b.Error(err)
			}
		}
	})
}
