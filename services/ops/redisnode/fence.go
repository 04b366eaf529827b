package redisnode

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
)

// ErrFenced says that the field of a fence has another value now, and that nothing was written.
var ErrFenced = errors.New("another program has the right to write")

// fence is what Redis compares before it carries out a transaction.
type fence struct{ key, field, value string }

// Fenced gives a client of the same node whose Transaction, Write and copies change nothing unless a field of a hash has a value.
// Redis compares it in the same step in which it writes. Do and Pipeline are not fenced. Close one of the two clients.
func (n *Node) Fenced(key, field, value string) *Node {
	fenced := *n
	fenced.fence = &fence{key: key, field: field, value: value}
	return &fenced
}

// runFenced runs commands unless the fence is another's.
// ARGV: 1 field, 2 value, then for each command the number of its words, and the words
const runFenced = `if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return redis.error_reply('FENCED the right is of another') end
local at = 3
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, at + words))
  at = at + 1 + words
end
return 1`

// send sends commands as one transaction: MULTI and EXEC, or a script that looks at the fence first.
func (n *Node) send(ctx context.Context, conn redis.Cmdable, commands []Command) error {
	if n.fence == nil {
		return n.multi(ctx, conn, commands)
	}
	args := []any{n.fence.field, n.fence.value}
	for _, command := range commands {
		args = append(append(args, len(command)), command...)
	}
	err := conn.Eval(ctx, runFenced, []string{n.fence.key}, args...).Err()
	if err != nil && strings.Contains(err.Error(), "FENCED") {
		err = ErrFenced
	}
	return n.explain(err, commands[0])
}
