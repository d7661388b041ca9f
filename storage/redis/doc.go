// Package redis is storage.Signals on Redis, for several replicas.
//
//	Wake ─► PUBLISH <prefix>wake ─► one subscription a replica ─► its own book of watchers ─► who waits
//
// One channel carries all topics, so that a waiter costs a replica one small node and costs Redis nothing. A replica
// wakes its own watchers at once and the others through Redis. What was published while a subscription was down is
// lost, and nobody can tell what it was: when the subscription is back every watcher is woken once, spread over a
// moment, so that ten thousand pages do not ask the Store at the same time.
//
// Counts, polls and wake-ups cost no more than a round trip, which each shares with those of its kind that come while it
// would have to wait. A device that polls costs one key, and Redis's clock measures its pace.
//
// Nothing in Redis is a record. It may be flushed or restarted at any moment: that loses wake-ups, rates, shared values
// and locks, each of which its user can do without. It is never replaced by something else while it is unreachable: a
// call then fails within its deadline.
//
// Requires Redis 6.2 or later; no cluster.
package redis
