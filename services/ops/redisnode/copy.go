package redisnode

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Sizes of one exchange while keys are copied. A primary that works on one command for long answers nothing else.
const (
	// copyBatch is how many keys are read in one exchange.
	copyBatch = 500
	// exchangeBytes is the size of the dumps from which a transaction is sent.
	exchangeBytes = 2 << 20
	// largeBytes is the size of a dump from which a collection is copied in parts.
	largeBytes = 256 << 10
	// partElements is how many elements a part has, about.
	partElements = 1000
)

// Copied counts what Copy has done: keys, and bytes of their dumps.
type Copied struct{ Keys, Bytes int64 }

// Dumped is a key as DUMP gives it.
type Dumped struct {
	Key, Dump string
	// ExpiresMillis is when it expires, in ms since 1970; 0 never.
	ExpiresMillis int64
}

// parts says how a large collection of a type is read and written in parts.
var parts = map[string]struct{ read, write string }{
	"hash": {"HSCAN", "HSET"}, "set": {"SSCAN", "SADD"}, "zset": {"ZSCAN", "ZADD"},
}

// Copy copies the keys that match a pattern, with the time at which each expires, to another node, where it replaces
// them. skip says which keys are left out. after is called after each exchange with what was done until then. While it
// copies, nothing may write on this node.
//
// It writes in transactions: under `appendfsync always` a node has one fsync for each of them, not one for each key.
func (n *Node) Copy(ctx context.Context, to *Node, pattern string, skip func(key string) bool,
	after func(Copied) error) (Copied, error) {
	var done Copied
	err := n.Dumps(ctx, pattern, skip, func(group []Dumped) error {
		if err := n.copyGroup(ctx, to, group, &done); err != nil {
			return err
		}
		return after(done)
	})
	return done, err
}

// Dumps visits the keys that match a pattern in groups of a bounded size, but for those that skip names. A key can come
// twice.
func (n *Node) Dumps(ctx context.Context, pattern string, skip func(key string) bool, visit func([]Dumped) error) error {
	return n.Scan(ctx, pattern, copyBatch, func(keys []string) error {
		wanted := keys[:0]
		for _, key := range keys {
			if !skip(key) {
				wanted = append(wanted, key)
			}
		}
		found, err := n.dump(ctx, wanted)
		if err != nil {
			return err
		}
		for _, group := range groups(found) {
			if err := visit(group); err != nil {
				return err
			}
		}
		return nil
	})
}

// Command makes the key again as it was.
func (d Dumped) Command() Command {
	return Command{"RESTORE", d.Key, d.ExpiresMillis, d.Dump, "REPLACE", "ABSTTL"}
}

// dump reads keys; those that have expired are left out.
func (n *Node) dump(ctx context.Context, keys []string) ([]Dumped, error) {
	commands := make([]Command, 0, 2*len(keys))
	for _, key := range keys {
		commands = append(commands, Command{"PEXPIRETIME", key}, Command{"DUMP", key})
	}
	replies, err := n.Pipeline(ctx, commands)
	if err != nil {
		return nil, err
	}
	found := make([]Dumped, 0, len(keys))
	for i, key := range keys {
		text := Text(replies[2*i+1])
		if text == "" {
			continue
		}
		expires, _ := replies[2*i].(int64)
		found = append(found, Dumped{Key: key, Dump: text, ExpiresMillis: max(0, expires)})
	}
	return found, nil
}

// groups splits dumps into those of one transaction each.
func groups(all []Dumped) [][]Dumped {
	var found [][]Dumped
	begin, bytes := 0, 0
	for i, d := range all {
		if bytes += len(d.Dump); bytes >= exchangeBytes || i == len(all)-1 {
			found = append(found, all[begin:i+1])
			begin, bytes = i+1, 0
		}
	}
	return found
}

func (n *Node) copyGroup(ctx context.Context, to *Node, group []Dumped, done *Copied) error {
	commands := make([]Command, 0, len(group))
	for _, d := range group {
		done.Keys, done.Bytes = done.Keys+1, done.Bytes+int64(len(d.Dump))
		large, err := n.isLarge(ctx, d)
		if err != nil {
			return err
		}
		if large != "" {
			if err := n.copyParts(ctx, to, d, large); err != nil {
				return err
			}
			continue
		}
		commands = append(commands, d.Command())
	}
	return to.Transaction(ctx, commands)
}

// isLarge gives the type of a key that is copied in parts, "" for all others.
func (n *Node) isLarge(ctx context.Context, d Dumped) (string, error) {
	if len(d.Dump) < largeBytes {
		return "", nil
	}
	kind, err := n.Text(ctx, "TYPE", d.Key)
	if _, known := parts[kind]; !known {
		kind = ""
	}
	return kind, err
}

// copyParts copies a large collection in several transactions.
func (n *Node) copyParts(ctx context.Context, to *Node, d Dumped, kind string) error {
	if err := to.Transaction(ctx, []Command{{"UNLINK", d.Key}}); err != nil {
		return err
	}
	how := parts[kind]
	err := n.Elements(ctx, how.read, d.Key, partElements, func(elements []string) error {
		command := Command{how.write, d.Key}
		for i := range elements {
			if kind == "zset" { // ZSCAN gives the member first, ZADD takes the score first
				command = append(command, elements[i^1])
			} else {
				command = append(command, elements[i])
			}
		}
		return to.Transaction(ctx, []Command{command})
	})
	if err == nil && d.ExpiresMillis > 0 {
		err = to.Transaction(ctx, []Command{{"PEXPIREAT", d.Key, strconv.FormatInt(d.ExpiresMillis, 10)}})
	}
	return err
}

const (
	// patience is how long a transaction waits for a primary that has no replica that is up to date.
	patience = time.Minute
	// askAgain is the time between two tries.
	askAgain = 100 * time.Millisecond
)

// Transaction sends all commands as one MULTI/EXEC. If Redis refuses one as it comes in, none has run. While the node
// refuses writes because its replicas are behind, it tries again. Behind a fence the commands are one script.
func (n *Node) Transaction(ctx context.Context, commands []Command) error {
	return n.persist(ctx, n.client, commands)
}

func (n *Node) persist(ctx context.Context, conn redis.Cmdable, commands []Command) error {
	if len(commands) == 0 {
		return nil
	}
	for deadline := time.Now().Add(patience); ; {
		err := n.send(ctx, conn, commands)
		if err == nil || !n.lacksReplicas(ctx, err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(askAgain):
		}
	}
}

// lacksReplicas says that a transaction was refused for want of replicas. If one of its commands was refused, EXEC does not tell
// why.
func (n *Node) lacksReplicas(ctx context.Context, refused error) bool {
	if strings.Contains(refused.Error(), "NOREPLICAS") {
		return true
	}
	if !strings.Contains(refused.Error(), "EXECABORT") {
		return false
	}
	info, err := n.Info(ctx, "replication")
	return err == nil && info["min_slaves_good_slaves"] == "0"
}

func (n *Node) multi(ctx context.Context, conn redis.Cmdable, commands []Command) error {
	pipe := conn.TxPipeline()
	for _, command := range commands {
		pipe.Do(ctx, command...)
	}
	sent, err := pipe.Exec(ctx)
	for i, cmd := range sent {
		if cmd.Err() != nil && i < len(commands) {
			return n.explain(cmd.Err(), commands[i])
		}
	}
	return n.explain(err, Command{"EXEC"})
}

// ErrBehind says that too few replicas have what was written.
var ErrBehind = errors.New("too few replicas have what was written")

// Write sends a transaction and returns when so many replicas have it, and with it all that the node has written before.
// It is ErrBehind when the transaction was carried out and they do not have it in time. It has to change something: WAIT looks
// at what its own connection has changed.
func (n *Node) Write(ctx context.Context, commands []Command, replicas int, within time.Duration) error {
	conn := n.client.Conn()
	defer conn.Close()
	if err := n.persist(ctx, conn, commands); err != nil {
		return err
	}
	have, err := conn.Do(ctx, "WAIT", replicas, within.Milliseconds()).Int()
	switch {
	case err != nil:
		return n.explain(fmt.Errorf("%w: %w", ErrBehind, err), Command{"WAIT"})
	case have < replicas:
		return n.explain(fmt.Errorf("%w: %d of %d", ErrBehind, have, replicas), Command{"WAIT"})
	}
	return nil
}
