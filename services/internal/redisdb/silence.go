package redisdb

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Silence. A node or a Sentinel that was asked and has not answered yet is silent
// for as long as that question stands: it need not be waited for anew after every
// group. Or each group of a new primary would wait lookTimeout for the old one, or
// for a Sentinel, as long as that is frozen; as it is, one group in about 2 s does.
//
// The rule loses nothing by it. Who is silent is counted out after lookTimeout in
// any case; and when one wakes up, the standing question is the first thing that
// it answers, and from then on it is asked again.

var errSilent = errors.New("a question is still unanswered")

// questions are those that are put and not answered, by address: since when.
type questions struct {
	mutex sync.Mutex
	since map[string]time.Time
}

// put notes a question; the first to an address counts.
func (q *questions) put(address string) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if _, standing := q.since[address]; !standing {
		q.since[address] = time.Now()
	}
}

// answered takes the questions to an address off: one was answered, or the
// question was given up and has to be put again.
func (q *questions) answered(address string) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	delete(q.since, address)
}

// unanswered holds while a question has been standing longer than that.
func (q *questions) unanswered(address string, longer time.Duration) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	since, standing := q.since[address]
	return standing && time.Since(since) >= longer
}

// look reads INFO replication of another node; it waits until ctx ends, and not
// at all for a node that is silent.
func (t *topology) look(ctx context.Context, node string) (map[string]string, error) {
	return inquire(ctx, &t.standing, node, func(ctx context.Context) (map[string]string, error) { return t.replication(ctx, node) })
}

// inquire puts a question and waits for the answer until ctx ends, and not at all
// while an earlier one to the same address stands unanswered.
func inquire[T any](ctx context.Context, q *questions, address string, question func(context.Context) (T, error)) (said T, err error) {
	if q.unanswered(address, lookTimeout) {
		return said, errSilent
	}
	type answer struct {
		said T
		err  error
	}
	answers := make(chan answer, 1)
	q.put(address)
	go func() {
		defer q.answered(address)
		longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
		defer cancel()
		said, err := question(longer)
		answers <- answer{said, err}
	}()
	select {
	case a := <-answers:
		return a.said, a.err
	case <-ctx.Done():
		return said, ctx.Err()
	}
}
