package redis_test

import (
	"fmt"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"qiao/storage"
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

// What a count costs the server and Redis in processor time, by how many ask at the same time.
func BenchmarkAllow(b *testing.B) {
	for _, callers := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			measure(b, callers, func(s *redis.Signals, n int64) error {
				_, _, err := s.Allow(b.Context(),
					storage.Use{Key: "address " + strconv.FormatInt(n%500, 10), Max: 1 << 30, Window: time.Hour},
					storage.Use{Key: "client", Max: 1 << 30, Window: time.Hour})
				return err
			})
		})
	}
}

// What a wake-up costs.
func BenchmarkWake(b *testing.B) {
	for _, callers := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			measure(b, callers, func(s *redis.Signals, n int64) error {
				return s.Wake(b.Context(), "login "+strconv.FormatInt(n, 10))
			})
		})
	}
}

func measure(b *testing.B, callers int, call func(s *redis.Signals, n int64) error) {
	url := servers.Redis(b)
	s, err := redis.Open(b.Context(), redis.Config{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	options, err := driver.ParseURL(url)
	if err != nil {
		b.Fatal(err)
	}
	client := driver.NewClient(options)
	defer client.Close()
	b.ReportAllocs()
	server, redis := processor(), processorOfRedis(b, client)
	var next atomic.Int64
	done := make(chan error)
	b.ResetTimer()
	for range callers {
		go func() {
			for {
				n := next.Add(1)
				if n > int64(b.N) {
					done <- nil
					return
				}
				if err := call(s, n); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(each(processor()-server), "server-us/op")
	b.ReportMetric(each(processorOfRedis(b, client)-redis), "redis-us/op")
}

func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func processorOfRedis(b *testing.B, client *driver.Client) time.Duration {
	info, err := client.Info(b.Context(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	var sum float64
	for _, m := range regexp.MustCompile(`used_cpu_(?:user|sys):([0-9.]+)`).FindAllStringSubmatch(info, -1) {
		seconds, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += seconds
	}
	return time.Duration(sum * float64(time.Second))
}
