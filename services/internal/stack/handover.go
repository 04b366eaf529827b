package stack

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A planned handover makes another node primary while the shop sells: before a
// node is taken away for maintenance, say. A bare SENTINEL FAILOVER would do it
// too, but what the old primary still takes meanwhile is thrown away. The shop
// acknowledges none of that, and does it again; still, the clean way is to hold
// the writes before, so that all three nodes have the same when roles change.

// Bounds of a handover.
const (
	// holdWrites is how long Redis holds writes at most, should nobody be left to
	// let them go: below the shop's own patience with a write (10 s).
	holdWrites = 5 * time.Second
	// evenWithin is how long replicas may take to get what the primary has.
	evenWithin = time.Second
	// promoteWithin is how long Sentinel may take to have a new primary; it needs
	// 1 to 1.5 s, because it looks at the promoted node once a second.
	promoteWithin = 4 * time.Second
	// settleWithin is how long all may take to agree, and all replicas to follow.
	settleWithin = 30 * time.Second
)

// handover is one on its way.
type handover struct {
	*Stack
	old, next service
	held      time.Time
	say       func(format string, a ...any)
}

// Handover hands the role of primary of the stack on a prefix to one of the
// replicas, and returns when all follow it; say is told what happens. It needs no
// handle: another process may have started the stack. It refuses, and has changed
// nothing, unless all three nodes and all three Sentinels are well. If it fails
// later, writes are let go again wherever they were held.
func Handover(ctx context.Context, prefix string, settings map[string]string, say func(format string, a ...any)) error {
	return (&Stack{Net: prefix, settings: settings}).Handover(ctx, say)
}

// Handover is the same for a stack at hand.
func (s *Stack) Handover(ctx context.Context, say func(format string, a ...any)) error {
	h := &handover{Stack: s, say: say}
	if err := h.fit(ctx); err != nil {
		return fmt.Errorf("refused, and nothing was changed: %w", err)
	}
	h.say("%s is primary, both replicas follow, and the three Sentinels agree", h.old.name)
	if err := h.hand(ctx); err != nil {
		return err
	}
	if err := within(ctx, settleWithin, h.settled); err != nil {
		return fmt.Errorf("%s is primary and writes go on, but the rest takes long (see the status): %w", h.next.name, err)
	}
	h.say("done: %s is primary, both other nodes follow it, and the three Sentinels agree", h.next.name)
	return nil
}

// hand holds the writes, changes the roles and lets the writes go.
func (h *handover) hand(ctx context.Context) (err error) {
	h.held = time.Now()
	defer func() { err = errors.Join(err, h.letGo(ctx)) }()
	if _, err := h.order(ctx, h.old, "CLIENT", "PAUSE", strconv.FormatInt(holdWrites.Milliseconds(), 10), "WRITE"); err != nil {
		return fmt.Errorf("holding the writes: %w", err)
	}
	h.say("writes are held")
	if err := within(ctx, evenWithin, h.even); err != nil {
		return fmt.Errorf("given up before the failover, nothing was changed: %w", err)
	}
	h.say("the replicas have all that %s has", h.old.name)
	if err := h.failOver(ctx); err != nil {
		return fmt.Errorf("given up, nothing was changed: %w", err)
	}
	if err := within(ctx, promoteWithin, h.promoted); err != nil {
		return fmt.Errorf("the Sentinels began a failover and did not end it in time (the status tells how it went on): %w", err)
	}
	h.say("two Sentinels name %s, and it says that it is primary", h.next.name)
	// Sentinel would take about 10 s to do this, and the old primary would be one
	// that nobody follows until then.
	if _, err := h.order(ctx, h.old, "REPLICAOF", h.next.ip(h.Net), strconv.Itoa(redisPort)); err != nil {
		return fmt.Errorf("%s is primary; making %s its replica, which the Sentinels will do otherwise: %w", h.next.name, h.old.name, err)
	}
	if err := within(ctx, promoteWithin, h.served); err != nil {
		return err
	}
	h.say("%s takes writes, %.1f s after they were held", h.next.name, time.Since(h.held).Seconds())
	return nil
}

// letGo ends the holding, also when somebody interrupted the handover. Should the
// node not answer, it lets go by itself after holdWrites.
func (h *handover) letGo(ctx context.Context) error {
	if _, err := h.order(context.WithoutCancel(ctx), h.old, "CLIENT", "UNPAUSE"); err != nil {
		return fmt.Errorf("%s does not let held writes go; it does so by itself after %v: %w", h.old.name, holdWrites, err)
	}
	return nil
}

// fit finds out who is primary, and says what is not as it should be.
func (h *handover) fit(ctx context.Context) error {
	for _, sentinel := range servicesOf(kindSentinel) {
		name, err := h.primaryBy(ctx, sentinel)
		if err != nil {
			return fmt.Errorf("%s: %w", sentinel.name, err)
		}
		if h.old.name != "" && name != h.old.name {
			return fmt.Errorf("%s names %s, another one %s", sentinel.name, name, h.old.name)
		}
		h.old = serviceNamed(name)
		if err := h.calm(ctx, sentinel); err != nil {
			return fmt.Errorf("%s: %w", sentinel.name, err)
		}
	}
	return h.even(ctx)
}

// even demands that both replicas follow the primary. While writes are held, it
// also demands that they have all that the primary has.
func (h *handover) even(ctx context.Context) error {
	primary, err := h.replication(ctx, h.old)
	if err != nil {
		return err
	}
	if primary["role"] != "master" {
		return fmt.Errorf("the Sentinels name %s, which says that it is a replica", h.old.name)
	}
	for _, node := range servicesOf(kindRedis) {
		if node == h.old {
			continue
		}
		replica, err := h.replication(ctx, node)
		if err != nil {
			return err
		}
		if replica["master_host"] != h.old.ip(h.Net) || replica["master_link_status"] != "up" {
			return fmt.Errorf("%s does not follow %s", node.name, h.old.name)
		}
		if !h.held.IsZero() && replica["slave_repl_offset"] != primary["master_repl_offset"] {
			return fmt.Errorf("%s is at %s, %s at %s", node.name, replica["slave_repl_offset"], h.old.name, primary["master_repl_offset"])
		}
	}
	return nil
}

// failOver asks one Sentinel after the other, until one begins.
func (h *handover) failOver(ctx context.Context) (err error) {
	for _, sentinel := range servicesOf(kindSentinel) {
		_, refusal := h.order(ctx, sentinel, "SENTINEL", "FAILOVER", h.Setting("REDIS_MASTER_NAME"))
		if refusal == nil {
			h.say("%s begins the failover", sentinel.name)
			return nil
		}
		err = errors.Join(err, fmt.Errorf("%s: %w", sentinel.name, refusal))
	}
	return err
}

// promoted holds when two Sentinels name another node, which says so itself.
func (h *handover) promoted(ctx context.Context) error {
	votes := map[string]int{}
	for _, sentinel := range servicesOf(kindSentinel) {
		if name, err := h.primaryBy(ctx, sentinel); err == nil && name != h.old.name {
			votes[name]++
		}
	}
	for name, n := range votes {
		if n < 2 {
			continue
		}
		next := serviceNamed(name)
		state, err := h.replication(ctx, next)
		if err == nil && state["role"] == "master" {
			h.next = next
			return nil
		}
	}
	return errors.New("no two Sentinels name a new primary")
}

// served holds when the new primary has a replica: without one it takes no writes.
func (h *handover) served(ctx context.Context) error {
	state, err := h.replication(ctx, h.next)
	if err == nil && !strings.Contains(state["slave0"]+state["slave1"], "state=online") {
		err = fmt.Errorf("no replica follows %s yet", h.next.name)
	}
	return err
}

// settled is fit for the new primary.
func (h *handover) settled(ctx context.Context) error {
	now := &handover{Stack: h.Stack}
	err := now.fit(ctx)
	if err == nil && now.old != h.next {
		err = fmt.Errorf("the primary is %s", now.old.name)
	}
	return err
}

func (h *handover) replication(ctx context.Context, node service) (map[string]string, error) {
	info, err := h.order(ctx, node, "INFO", "replication")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", node.name, err)
	}
	return fields(info), nil
}

// order sends one command as the operator.
func (h *handover) order(ctx context.Context, to service, command ...string) (string, error) {
	return ask(ctx, to.address(h.Net), h.operator(), command...)
}

func within(ctx context.Context, limit time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return await(ctx, check)
}
