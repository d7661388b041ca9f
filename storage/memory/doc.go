// Package memory is storage.Signals inside one process: what the embedded set-up uses beside SQLite.
//
// Everything in it is bounded and expires by itself, and nothing in it is a record: when the process ends, what is
// lost is wake-ups, rates and short locks, which are all allowed to be lost.
//
// Watchers, the book of who waits for which topic, is used by storage/redis too: there every replica keeps its own
// book and one subscription feeds it.
package memory
