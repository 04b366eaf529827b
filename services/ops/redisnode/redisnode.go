// Package redisnode speaks to one Redis node for the operator's work: backup, verification and restore. It asks one
// address and follows no failover; the API's own way to Redis is redisdb.
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

const (
	dialTimeout = time.Second
	// exchangeTimeout bounds one exchange when the context has no deadline. Loading a large key takes seconds.
	exchangeTimeout = time.Minute
)

// Login is a Redis user with its password; the zero value logs in as nobody.
type Login struct{ User, Password string }

// Node is a client of one Redis node. It may be used by several goroutines. It repeats no command by itself.
type Node struct {
	address string
	client  *redis.Client
	fence   *fence
}

// Dial connects to a node and asks for a sign of life. An address that begins with / is the path of a Unix socket,
// any other is host:port.
func Dial(ctx context.Context, address string, as Login) (*Node, error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	n := &Node{address: address, client: redis.NewClient(&redis.Options{
		Network: network, Addr: address, Username: as.User, Password: as.Password, Protocol: 2,
		DialTimeout: dialTimeout, DialerRetries: 1, ReadTimeout: exchangeTimeout, WriteTimeout: exchangeTimeout,
		MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true, PoolSize: 4,
	})}
	if err := n.client.Ping(ctx).Err(); err != nil {
		n.Close()
		return nil, fmt.Errorf("the Redis node %s: %w", address, err)
	}
	return n, nil
}

// Address is what the node was dialled at.
func (n *Node) Address() string { return n.address }

// Close ends all connections.
func (n *Node) Close() { _ = n.client.Close() }

// Command is one command with its arguments.
type Command []any

// Do sends one command. A nil reply of Redis is nil without an error.
func (n *Node) Do(ctx context.Context, command ...any) (any, error) {
	reply, err := n.client.Do(ctx, command...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return reply, n.explain(err, command)
}

// Text sends one command whose reply is a text or a number; a nil reply is "".
func (n *Node) Text(ctx context.Context, command ...any) (string, error) {
	reply, err := n.Do(ctx, command...)
	return Text(reply), err
}

// Text is a reply as text: "" for nil, digits for a number.
func Text(reply any) string {
	switch value := reply.(type) {
	case string:
		return value
	case int64:
		return strconv.FormatInt(value, 10)
	}
	return ""
}

// Texts is a reply that is a list, as texts.
func Texts(reply any) []string {
	list, _ := reply.([]any)
	texts := make([]string, len(list))
	for i, value := range list {
		texts[i] = Text(value)
	}
	return texts
}

// explain says which command failed. Arguments can be secret or long, so it names the first two words at most.
func (n *Node) explain(err error, command Command) error {
	if err == nil {
		return nil
	}
	name := fmt.Sprint(command[0])
	if len(command) > 1 {
		if key, ok := command[1].(string); ok && len(key) <= 100 && !strings.EqualFold(name, "eval") {
			name += " " + key
		}
	}
	return fmt.Errorf("the Redis node %s: %s: %w", n.address, name, err)
}

// Pipeline sends all commands in one exchange and gives their replies in order. The first command that Redis refuses is
// the error; the others have run.
func (n *Node) Pipeline(ctx context.Context, commands []Command) ([]any, error) {
	if len(commands) == 0 {
		return nil, nil
	}
	pipe := n.client.Pipeline()
	sent := make([]*redis.Cmd, len(commands))
	for i, command := range commands {
		sent[i] = pipe.Do(ctx, command...)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	replies := make([]any, len(commands))
	var first error
	for i, cmd := range sent {
		reply, err := cmd.Result()
		if err != nil && !errors.Is(err, redis.Nil) && first == nil {
			first = n.explain(err, commands[i])
		}
		replies[i] = reply
	}
	return replies, first
}

// Info is what INFO says, by name; without a section, the default ones.
func (n *Node) Info(ctx context.Context, sections ...string) (map[string]string, error) {
	text, err := n.client.Info(ctx, sections...).Result()
	if err != nil {
		return nil, n.explain(err, Command{"INFO"})
	}
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			found[name] = value
		}
	}
	return found, nil
}

// Get reads a string key; there says whether it exists.
func (n *Node) Get(ctx context.Context, key string) (value string, there bool, err error) {
	reply, err := n.Do(ctx, "GET", key)
	if err != nil || reply == nil {
		return "", false, err
	}
	return Text(reply), true, nil
}

// Number reads a string key that holds a whole number; 0 where there is no key.
func (n *Node) Number(ctx context.Context, key string) (int64, error) {
	text, there, err := n.Get(ctx, key)
	if err != nil || !there {
		return 0, err
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the Redis node %s: %s is %.40q and should be a whole number", n.address, key, text)
	}
	return number, nil
}

// Hash reads a whole hash; it is empty where there is no key.
func (n *Node) Hash(ctx context.Context, key string) (map[string]string, error) {
	reply, err := n.client.HGetAll(ctx, key).Result()
	return reply, n.explain(err, Command{"HGETALL", key})
}

// Scan visits all keys that match a pattern, about so many at once. A key can come twice.
func (n *Node) Scan(ctx context.Context, pattern string, batch int, visit func(keys []string) error) error {
	return n.scan(ctx, func(cursor string) Command {
		return Command{"SCAN", cursor, "MATCH", pattern, "COUNT", batch}
	}, visit)
}

// Elements visits the elements of a hash (HSCAN: field, value, …), a set (SSCAN: member, …) or a sorted set (ZSCAN:
// member, score, …), about so many at once. An element can come twice.
func (n *Node) Elements(ctx context.Context, command, key string, batch int, visit func(elements []string) error) error {
	return n.scan(ctx, func(cursor string) Command { return Command{command, key, cursor, "COUNT", batch} }, visit)
}

func (n *Node) scan(ctx context.Context, ask func(cursor string) Command, visit func([]string) error) error {
	for cursor := "0"; ; {
		reply, err := n.Do(ctx, ask(cursor)...)
		if err != nil {
			return err
		}
		answer, ok := reply.([]any)
		if !ok || len(answer) != 2 {
			return fmt.Errorf("the Redis node %s: %s answered with %d values, not a cursor and a list", n.address, ask(cursor)[0], len(answer))
		}
		if found := Texts(answer[1]); len(found) > 0 {
			if err := visit(found); err != nil {
				return err
			}
		}
		if cursor = Text(answer[0]); cursor == "0" {
			return nil
		}
	}
}

// Keys is how many keys the node has.
func (n *Node) Keys(ctx context.Context) (int64, error) {
	size, err := n.client.DBSize(ctx).Result()
	return size, n.explain(err, Command{"DBSIZE"})
}
