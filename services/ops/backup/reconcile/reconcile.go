// Package reconcile checks that the data set of a Redis node is one of this shop and whole: every key is of a known kind,
// every product's ledger adds up and matches the purchases, and no object refers to one that is missing.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/redisnode"
)

// Expect is what a data set is expected to have. Zero values expect nothing.
type Expect struct {
	// CommitSeq is the least commit sequence.
	CommitSeq int64
	// NewestPurchase is the id of the newest purchase that was seen; the data may have newer ones.
	NewestPurchase string
	// History is the id of the history.
	History string
}

// Report says what a data set has.
type Report struct {
	// Keys counts keys by their kind.
	Keys map[string]int64 `json:"keys"`

	Products  int64 `json:"products"`
	Purchases int64 `json:"purchases"`
	// Users are those that can sign in: a deleted user with purchases is not one of them.
	Users int64 `json:"users"`

	// Layout is the number of the layout in force.
	Layout int `json:"layout"`
	// History is the id of the history; "" before layout 3.
	History   string `json:"history,omitempty"`
	CommitSeq int64  `json:"commit_seq"`
	// HeartbeatMillis is the primary's time when it last wrote it, in ms since 1970.
	HeartbeatMillis int64 `json:"heartbeat_millis"`
	// NewestPurchase is the greatest id of a purchase; ids sort by time.
	NewestPurchase string `json:"newest_purchase,omitempty"`

	// Wrong describes the first faults, and Faults counts all.
	Wrong  []string `json:"wrong,omitempty"`
	Faults int64    `json:"faults"`
}

// mostWrong is how many faults are described.
const mostWrong = 20

// ErrWrong says that a data set has faults.
var ErrWrong = errors.New("the data do not add up")

// Err is nil for a data set without faults, else an ErrWrong that describes them.
func (r Report) Err() error {
	if r.Faults == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d faults: %s", ErrWrong, r.Faults, strings.Join(r.Wrong, "; "))
}

// batch is how many keys are looked at together.
const batch = 500

// checker looks at one data set.
type checker struct {
	//nolint:containedctx // a checker lives for one call of Check
	ctx    context.Context
	node   *redisnode.Node
	kinds  []kind
	report Report

	products ledgers
	counts   counts
}

// counts are what the lists are held against.
type counts struct {
	inUserLists, emails                  int64
	skus, skuKeys, listed, inProductsBys int64
	pending, paid                        int64
}

// Check looks at all keys of a node on which nothing writes meanwhile. What is wrong with the data is in the report; an
// error says that the node could not be asked. It holds 25 bytes of memory for each product.
func Check(ctx context.Context, node *redisnode.Node, expect Expect) (Report, error) {
	c := &checker{ctx: ctx, node: node, kinds: kinds(), report: Report{Keys: map[string]int64{}}}
	for _, step := range []func() error{c.marks, c.listProducts, c.scan, c.lists} {
		if err := step(); err != nil {
			return c.report, err
		}
	}
	c.products.close(c.wrong)
	c.expect(expect)
	return c.report, nil
}

// wrong notes a fault.
func (c *checker) wrong(format string, a ...any) {
	c.report.Faults++
	if len(c.report.Wrong) < mostWrong {
		c.report.Wrong = append(c.report.Wrong, fmt.Sprintf(format, a...))
	}
}

// marks reads the keys that there is one of.
func (c *checker) marks() error {
	layout, there, err := c.node.Get(c.ctx, redisdb.KeySchema())
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(layout)
	switch {
	case !there:
		c.wrong("%s is missing: this is no data set of the shop, or an empty one", redisdb.KeySchema())
	case err != nil || number < redisdb.OldestLayout || number > redisdb.Layout:
		c.wrong("the data has layout %.20q, this program knows %d to %d", layout, redisdb.OldestLayout, redisdb.Layout)
	}
	c.report.Layout = number
	if c.report.History, _, err = c.node.Get(c.ctx, redisdb.KeyHistory()); err != nil {
		return err
	}
	if c.report.CommitSeq, err = c.node.Number(c.ctx, redisdb.KeyCommitSeq()); err != nil {
		return err
	}
	c.report.HeartbeatMillis, err = c.node.Number(c.ctx, redisdb.KeyHeartbeat())
	return err
}

func (c *checker) expect(e Expect) {
	if c.report.CommitSeq < e.CommitSeq {
		c.wrong("the commit sequence is %d, and the shop had %d", c.report.CommitSeq, e.CommitSeq)
	}
	if c.report.NewestPurchase < e.NewestPurchase {
		c.wrong("the newest purchase is %q, and the shop had %q", c.report.NewestPurchase, e.NewestPurchase)
	}
	if e.History != "" && c.report.History != e.History {
		c.wrong("the history is %q, and the shop had %q", c.report.History, e.History)
	}
}

// scan visits every key once.
func (c *checker) scan() error {
	atMost, err := c.node.Keys(c.ctx)
	if err != nil {
		return err
	}
	var visited int64
	err = c.node.Scan(c.ctx, "*", batch, func(keys []string) error {
		visited += int64(len(keys))
		return c.visit(keys)
	})
	if err == nil && visited > atMost {
		return fmt.Errorf("%d keys were visited, and there are %d: they change while they are counted", visited, atMost)
	}
	return err
}

// visit sorts keys by their kind and looks into those that it knows more about.
func (c *checker) visit(keys []string) error {
	commands := make([]redisnode.Command, len(keys))
	for i, key := range keys {
		commands[i] = redisnode.Command{"TYPE", key}
	}
	types, err := c.node.Pipeline(c.ctx, commands)
	if err != nil {
		return err
	}
	parts := map[string][]string{}
	for i, key := range keys {
		typ := redisnode.Text(types[i])
		k, part, known := classify(c.kinds, key)
		switch {
		case typ == "none": // it has expired meanwhile
		case !known:
			c.wrong("the key %.100q is of no known kind", key)
		case typ != k.typ:
			c.wrong("%s is a %s and should be a %s", key, typ, k.typ)
		default:
			c.report.Keys[k.name]++
			parts[k.name] = append(parts[k.name], part)
		}
	}
	for name, look := range c.looks() {
		for some := range slices.Chunk(parts[name], batch) {
			if err := look(some); err != nil {
				return err
			}
		}
	}
	return nil
}

// looks are what looks into keys of a kind; each gets the changing parts of some keys.
func (c *checker) looks() map[string]func([]string) error {
	return map[string]func([]string) error{
		Products:         c.productsOf,
		kindAdjustments:  c.adjustmentsOf,
		kindSKU:          c.skusOf,
		kindProductsBy:   c.productsBy,
		Purchases:        c.purchasesOf,
		kindUserBought:   c.boughtBy,
		kindUser:         c.usersOf,
		kindUserEmail:    c.emailsOf,
		kindSession:      c.sessionsOf,
		kindUserSessions: c.sessionListsOf,
	}
}

// ask sends one command for each part and gives the replies.
func (c *checker) ask(parts []string, command func(part string) redisnode.Command) ([]any, error) {
	commands := make([]redisnode.Command, len(parts))
	for i, part := range parts {
		commands[i] = command(part)
	}
	return c.node.Pipeline(c.ctx, commands)
}

// question is a command and what its reply is held against.
type question struct {
	command redisnode.Command
	held    func(reply any)
}

// hold asks all questions in one exchange.
func (c *checker) hold(questions []question) error {
	commands := make([]redisnode.Command, len(questions))
	for i, q := range questions {
		commands[i] = q.command
	}
	replies, err := c.node.Pipeline(c.ctx, commands)
	if err != nil {
		return err
	}
	for i, q := range questions {
		q.held(replies[i])
	}
	return nil
}

// within asks whether a list has a member.
func (c *checker) within(list, member, what string) question {
	return question{redisnode.Command{"ZSCORE", list, member}, func(reply any) {
		if reply == nil {
			c.wrong("%s %s is not in %s", what, member, list)
		}
	}}
}
