package redisdb

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Silence. A node that was asked and has not answered yet is silent for as long
// as that question stands: it need not be waited for anew after every group. Or
// each group of a new primary would wait lookTimeout for the old one, as long as
// that is frozen; as it is, one group in about 2 s does.
//
// The rule loses nothing by it. A silent node is counted out after lookTimeout in
// any case; and when one wakes up, the standing question is the first thing that
// it answers, and from then on it is asked again.

var errSilent = errors.New("the node has left a question unanswered")

// questions are those that are put and not answered, by node: since when.
type questions struct {
	mutex sync.Mutex
	since map[string]time.Time
}

// put notes a question; the first of a node counts.
func (q *questions) put(node string) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if _, standing := q.since[node]; !standing {
		q.since[node] = time.Now()
	}
}

// answered takes the node's questions off: it answered one, or the question was
// given up and has to be put again.
func (q *questions) answered(node string) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	delete(q.since, node)
}

// unanswered holds while a question has been standing longer than that.
func (q *questions) unanswered(node string, longer time.Duration) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	since, standing := q.since[node]
	return standing && time.Since(since) >= longer
}

// look reads INFO replication of another node; it waits until ctx ends, and not
// at all for a node that is silent.
func (t *topology) look(ctx context.Context, node string) (map[string]string, error) {
	if t.standing.unanswered(node, lookTimeout) {
		return nil, errSilent
	}
	type answer struct {
		said map[string]string
		err  error
	}
	answers := make(chan answer, 1)
	t.standing.put(node)
	go func() {
		defer t.standing.answered(node)
		longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchangeTimeout)
		defer cancel()
		said, err := t.replication(longer, node)
		answers <- answer{said, err}
	}()
	select {
	case a := <-answers:
		return a.said, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
