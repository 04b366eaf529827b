package load

import (
	"strconv"
	"time"

	"evergreen/services/internal/drill/history"
)

// task is an operation that is to be done, and how.
type task struct {
	op     history.Op
	who    *person
	keyed  bool
	marked bool
	// twice sends it two times at once; again sends it once more, so long after it
	// was answered. Both are for operations with a key.
	twice bool
	again bool
	after time.Duration
	// at is the address of the API replica that it is sent to; "" is the shop's own.
	at string
}

// perform does a task to its end.
func (l *Load) perform(t task) {
	first, who := t.op, t.who
	if t.at != "" {
		who = &person{number: who.number, client: who.client.At(t.at), user: who.user}
	}
	l.record.sent(&first)
	if t.keyed {
		first.Key = l.run + "-" + strconv.Itoa(first.Logical)
	}
	if t.marked {
		first.Mark = MarkBase + int64(first.Logical)
	}
	over := make(chan struct{})
	if t.twice {
		go func() { defer close(over); l.settle(who, l.repeated(first)) }()
	} else {
		close(over)
	}
	l.settle(who, first)
	if t.again && l.wait(t.after) && !l.isStopping() {
		l.settle(who, l.repeated(first))
	}
	<-over
}

// repeated makes one more request for the operation of op.
func (l *Load) repeated(op history.Op) history.Op {
	l.record.sent(&op)
	return op
}

// settle sends a request, and if it has a key, sends it again until the outcome is
// definite or the time is up.
func (l *Load) settle(who *person, op history.Op) {
	for {
		answered, pause := l.send(who, op)
		if op.Key == "" || !failed(answered) || !l.wait(pause) || !l.mayResend() {
			return
		}
		op = l.repeated(op)
	}
}

// send is exchange, and the clients learn of what came of it.
func (l *Load) send(who *person, op history.Op) (history.Op, time.Duration) {
	return l.exchange(who, op, who.learn, l.shop.learn)
}

// exchange sends one request, notes what came of it, and tells how long to wait before
// it is sent again. It calls learn with the answer, before that can be awaited.
func (l *Load) exchange(who *person, op history.Op, learn ...func(history.Op)) (history.Op, time.Duration) {
	method, path, body := request(op)
	answer, err := dressed(who.client, op).Send(l.ctx, method, path, body)
	op.End = l.record.now()
	understand(&op, answer, err)
	for _, take := range learn {
		take(op)
	}
	l.record.answered(op)
	return op, retryAfter(answer)
}

// wait returns false if the load was broken off.
func (l *Load) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *Load) isStopping() bool {
	select {
	case <-l.stopping:
		return true
	default:
		return false
	}
}

func (l *Load) mayResend() bool { return !l.isStopping() || time.Now().Before(l.until) }
