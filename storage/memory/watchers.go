package memory

import "sync"

// Watchers is a book of who waits for which topic. It is made for tens of thousands of waiters: a waiter costs its
// topic and one small node, and no goroutine. The zero value is ready to use.
type Watchers struct {
	mu     sync.Mutex
	topics map[string]*watcher // the first of each topic's list
}

// watcher is a node in the list of those who watch one topic.
type watcher struct {
	book       *Watchers
	topic      string
	wake       func()
	prev, next *watcher
}

// Watch adds a watcher of the topic, until stop.
func (b *Watchers) Watch(topic string, wake func()) (stop func()) {
	w := &watcher{book: b, topic: topic, wake: wake}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.topics == nil {
		b.topics = make(map[string]*watcher)
	}
	if first := b.topics[topic]; first != nil {
		w.next, first.prev = first, w
	}
	b.topics[topic] = w
	return w.close
}

// close takes the watcher out of its list. Twice is once: a node out of its list is nobody's neighbour, and it is not
// the first of its topic.
func (w *watcher) close() {
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	if w.next != nil {
		w.next.prev = w.prev
	}
	switch {
	case w.prev != nil:
		w.prev.next = w.next
	case w.book.topics[w.topic] != w:
	case w.next != nil:
		w.book.topics[w.topic] = w.next
	default:
		delete(w.book.topics, w.topic)
	}
	w.prev, w.next = nil, nil
}

// Wake wakes the watchers of the topic.
func (b *Watchers) Wake(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := b.topics[topic]; w != nil; w = w.next {
		w.wake()
	}
}

// Topics lists the topics that are watched now, in no order.
func (b *Watchers) Topics() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	topics := make([]string, 0, len(b.topics))
	for topic := range b.topics {
		topics = append(topics, topic)
	}
	return topics
}
