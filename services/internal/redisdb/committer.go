package redisdb

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// Bounds of the committer.
const (
	// maxGroup is the most that rides in one group: enough that the fsync and the
	// WAIT are shared by many, few enough that a group takes milliseconds.
	maxGroup = 128
	// maxArguments bounds a group by its size: a few purchases of 1,000 lines.
	maxArguments = 16_000
	// maxHeld is the most that waits, in a failover above all; beyond it a caller
	// is refused at once instead of waiting in vain.
	maxHeld = 2000
	// retryPause is the pause after a group that was not acknowledged: short
	// against a failover, long against a connection that is refused.
	retryPause = 50 * time.Millisecond
	// manyBreaks is how many exchanges in a row break off only when it is not for
	// something in a group: that breaks two in a row at most, as those that do not
	// ride with it get through.
	manyBreaks = 4
)

// committer submits items in groups: what waits while a group is in flight is
// the next group. One pipeline on one connection carries a group, its INCR and
// its WAIT; WAIT counts only on the connection that wrote. Nothing of a group is
// told to anyone before the rule in ack.go holds for it.
type committer struct {
	topology *topology
	metrics  *metrics
	log      *slog.Logger
	arrivals chan *item
	reads    *readQueue
	held     atomic.Int64
	ended    chan struct{} // closed when the loop has ended
	// exchange is pipeline, rely and rule are the acknowledgement rule of ack.go,
	// most is maxGroup. Nothing but what shows that a weaker committer loses writes
	// ever puts others in their place: a test, and the drill (weakness_drill.go).
	exchange func(ctx context.Context, group []*item) (seq, count int64, err error)
	rely     func(ctx context.Context, primary *redis.Client) (int64, error)
	rule     func(ctx context.Context, primary string, count int64) (string, error)
	most     int

	// The rest belongs to the loop alone.
	waiting []*item
	passed  bool // the last group had no room for a read that waited
	limit   int  // of the next group; halved while groups fail, for they may be too much for the time that one has
	breaks  int  // exchanges that broke off since the last acknowledged group
	conn    *redis.Conn
	node    string // that conn leads to
	ask     int64  // replicas that the next WAIT asks for
	asked   time.Time
}

func newCommitter(t *topology, m *metrics, log *slog.Logger) *committer {
	c := &committer{
		topology: t, metrics: m, log: log, arrivals: make(chan *item, maxHeld), reads: newReadQueue(),
		ended: make(chan struct{}), ask: mostReplicas,
		rely: waitFor, rule: t.acknowledged, most: maxGroup,
	}
	c.exchange = c.pipeline
	weaken(c)
	c.limit = c.most
	return c
}

// submit hands an item in and waits for its end: nil after told has read the
// results, ErrBusy at once when too much is waiting. It ends at the item's
// deadline, whatever the loop is waiting for then.
func (c *committer) submit(it *item) error {
	if c.held.Add(1) > maxHeld {
		c.held.Add(-1)
		return ErrBusy
	}
	defer c.held.Add(-1)
	it.done, it.fits = make(chan error, 1), c.most
	select {
	case c.arrivals <- it:
	default: // full of what was given up while one group is under way
		return ErrBusy
	}
	return c.await(it)
}

// submitRead hands a strong read in and waits for its end as submit does. One that the
// shop makes itself takes a place of a write.
func (c *committer) submitRead(it *item, r Reader, caller string) error {
	if r == ReaderShop || c.reads.unbounded {
		return c.submit(it)
	}
	it.done, it.fits = make(chan error, 1), c.most
	leave, err := c.reads.enter(it, r, caller)
	if err != nil {
		return err
	}
	defer leave()
	return c.await(it)
}

func (c *committer) await(it *item) error {
	deadline := time.NewTimer(time.Until(it.deadline))
	defer deadline.Stop()
	select {
	case err := <-it.done:
		return err
	case <-deadline.C:
	case <-c.ended:
	}
	return it.giveUp()
}

// run is the loop; it ends with ctx and gives up what is waiting then.
func (c *committer) run(ctx context.Context) {
	for ctx.Err() == nil {
		c.gather(ctx)
		c.forget(time.Now())
		if len(c.waiting) == 0 && c.reads.length() == 0 {
			continue
		}
		if err := c.round(ctx); err != nil {
			c.metrics.retried(cause(err))
			c.pause(ctx)
		}
	}
	c.drop()
	close(c.ended)
}

// gather takes in what has arrived; with nothing to do it waits.
func (c *committer) gather(ctx context.Context) {
	if len(c.waiting) == 0 && c.reads.length() == 0 {
		select {
		case it := <-c.arrivals:
			c.waiting = append(c.waiting, it)
		case <-c.reads.arrived:
		case <-ctx.Done():
			return
		}
	}
	for len(c.waiting) < maxHeld {
		select {
		case it := <-c.arrivals:
			c.waiting = append(c.waiting, it)
		default:
			return
		}
	}
}

// forget lets go of what is over.
func (c *committer) forget(now time.Time) {
	c.waiting = slices.DeleteFunc(c.waiting, func(it *item) bool { return it.over(now) })
	c.reads.forget(now)
}

// next takes the next group: the writes that go together, and strong reads behind
// them. When the last group had no room for a read, as may happen while groups fail,
// this one has reads alone.
func (c *committer) next() (group []*item) {
	if !c.passed || c.reads.length() == 0 {
		group = c.nextWrites()
	}
	writes := len(group)
	room, commands := c.limit, commandsAlone
	if writes > 0 {
		room, commands = readsBesideWrites, commandsBesideWrites
	}
	most := c.limit
	for _, it := range group {
		most = min(most, it.fits)
	}
	if most < c.most { // after a failure reads count as all that rides in the group
		room = min(room, most-writes)
	}
	group = c.reads.join(group, room, commands, c.most)
	c.passed = writes > 0 && len(group) == writes && c.reads.length() > 0
	return group
}

// nextWrites takes the first of the writes in the queue, as many as go together.
func (c *committer) nextWrites() (group []*item) {
	most, size := c.limit, 0
	for _, it := range c.waiting {
		most = min(most, it.fits)
		if len(group) >= most || (len(group) > 0 && size+it.size > maxArguments) {
			break
		}
		group, size = append(group, it), size+it.size
	}
	c.waiting = c.waiting[len(group):]
	return group
}

// round submits one group. What is not settled goes to the end of the queue, so
// that the next group is another one; but scripts that a new primary has never
// seen, or has no memory for, go again at once in another form, or hundreds that
// were held would each be tried in vain before the first of them is answered.
func (c *committer) round(ctx context.Context) error {
	group := c.next()
	c.metrics.group(len(group), len(c.waiting)+len(c.arrivals)+c.reads.length())
	left, err := c.commit(ctx, group)
	writes := slices.DeleteFunc(slices.Clone(left), func(it *item) bool { return it.reader != ReaderShop })
	c.reads.back(left, err == nil)
	if err == nil {
		c.waiting = append(writes, c.waiting...)
		c.limit = min(c.most, c.limit*2)
		c.acquit()
		return nil
	}
	c.waiting = append(c.waiting, writes...)
	// What never went out, or one alone, tells nothing about how many go together.
	if len(group) > 1 && !neverSent(err) {
		c.limit = max(1, len(group)/2)
	}
	return err
}

// acquit follows an acknowledged group. When many exchanges had broken off before
// it, the connection was to blame, not what rode in them: so all go together again,
// or the hundreds that were held would come through in twos and threes.
func (c *committer) acquit() {
	if c.breaks >= manyBreaks {
		for _, it := range c.waiting {
			it.fits = c.most
		}
		c.reads.trust(c.most)
	}
	c.breaks = 0
}

// commit runs a group and tells its results if it is acknowledged; it answers
// what has to be submitted again, and why.
func (c *committer) commit(ctx context.Context, group []*item) ([]*item, error) {
	if err := c.connect(ctx); err != nil {
		return c.unsettled(group, err), err
	}
	group = slices.DeleteFunc(group, func(it *item) bool { return !it.board() })
	if len(group) == 0 {
		return nil, nil
	}
	seq, err := c.send(ctx, group)
	if err != nil {
		return c.unsettled(group, err), err
	}
	var left []*item
	var why error
	for _, it := range group {
		err := it.told(seq)
		if mustRepeat(err) {
			it.back(err, false)
			left, why = append(left, it), err
			continue
		}
		it.done <- it.verdict(err)
	}
	if goesAtOnce(why) {
		return left, nil // in another form this time
	}
	return left, why
}

// unsettled looks through a group that was not acknowledged. What Redis refused
// before writing anything is no worse off than before; for want of memory it is
// told at once. All the rest may have been done.
//
// When the exchange broke off, something in the group may be what breaks it, each
// time: a reply that the driver cannot read, say. So what was in it goes on in
// quarters, and those that break in quarters again: of 128 the guilty one rides
// alone at the fourth try, within the deadline even if each try is a time-out, and
// its neighbours are rid of it. Of a failover there is one such group or two.
func (c *committer) unsettled(group []*item, err error) []*item {
	c.drop()
	broken := brokeOff(err)
	if broken {
		c.breaks++
	}
	var left []*item
	for _, it := range group {
		own := it.told(0)
		if !neverSent(err) && classify(own) == full && !goesAtOnce(own) {
			it.done <- it.verdict(own)
			continue
		}
		it.back(err, !neverSent(err) && classify(own) != refused && classify(own) != full)
		if broken {
			it.fits = max(1, min(it.fits, len(group)/4))
		}
		left = append(left, it)
	}
	return left
}

// send is one exchange with the primary; then the rule.
func (c *committer) send(ctx context.Context, group []*item) (int64, error) {
	seq, count, err := c.exchange(ctx, group)
	if err != nil {
		return 0, breakOff(err)
	}
	if count < c.ask {
		c.asked = time.Time{} // a replica fell behind or left: count anew
	}
	how, err := c.rule(ctx, c.node, count)
	if err != nil {
		c.metrics.withheld(len(group))
		return 0, withheld{err}
	}
	c.metrics.acknowledged(how, len(group))
	return seq, nil
}

// pipeline is one pipeline: the items, the INCR, the WAIT. It gives the group's
// number and how many replicas have it. The INCR makes WAIT mean something for
// refusals and reads: from Redis 7.2 it answers at once on a connection whose last
// command wrote nothing. Its number is the token for reading one's own writes. Redis
// refuses the plain INCR at maxmemory; then a script does the same, and WAIT follows it.
func (c *committer) pipeline(ctx context.Context, group []*item) (seq, count int64, err error) {
	var number, wait *redis.Cmd
	// Its own error is the first of any command's; what counts is each one's.
	_, _ = c.conn.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, it := range group {
			it.queue(ctx, pipe)
		}
		number = pipe.Do(ctx, "INCR", KeyCommitSeq())
		wait = pipe.Do(ctx, "WAIT", c.ask, waitTimeout.Milliseconds())
		return nil
	})
	if classify(number.Err()) == full {
		_, _ = c.conn.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			number = pipe.Do(ctx, "EVAL", numberScript.source, 1, KeyCommitSeq())
			wait = pipe.Do(ctx, "WAIT", c.ask, waitTimeout.Milliseconds())
			return nil
		})
	}
	if err := errors.Join(number.Err(), wait.Err()); err != nil {
		return 0, 0, err
	}
	seq, _ = number.Int64()
	count, _ = wait.Int64()
	return seq, count, nil
}

// connect sees to a connection to who is primary now, and once a second to how
// many replicas it can rely on.
func (c *committer) connect(ctx context.Context) error {
	primary := c.topology.now.Load().primary
	if primary == "" {
		return notSent{errNoPrimary}
	}
	if c.conn == nil || c.node != primary {
		c.drop()
		c.conn, c.node, c.asked = c.topology.client(primary).Conn(), primary, time.Time{}
	}
	if time.Since(c.asked) > time.Second {
		ask, err := c.rely(ctx, c.topology.client(primary))
		if err != nil {
			return notSent{err}
		}
		c.ask, c.asked = ask, time.Now()
	}
	return nil
}

// drop lets go of the connection; the driver closes it if it was broken.
func (c *committer) drop() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// pause waits before the next try; a new primary ends it at once.
func (c *committer) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(retryPause):
	case <-c.topology.nextPrimary():
	}
}
