package redisdb

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// replyBytes is the size from which on a reply of EachHash holds no further hash.
const replyBytes = 64 << 10

// mostFew is up to how many hashes EachHash reads whatever their size.
const mostFew = 4

// eachHashSource reads fields of hashes until the reply is large. It may run on a replica.
const eachHashSource = `#!lua flags=no-writes
-- keys: the hashes; args: 1 the size in bytes from which on the reply holds no further hash, 2… the fields
local found, bytes = {}, 0
for i, key in ipairs(KEYS) do
  local values = redis.call('HMGET', key, unpack(ARGV, 2))
  for _, value in ipairs(values) do if value then bytes = bytes + #value end end
  found[i] = values
  if bytes >= tonumber(ARGV[1]) then break end
end
return found`

// EachHash reads the same fields of many hashes and gives them to each in the order of keys, nil for a hash that is not
// there, until each answers false or an error. One reply holds about 64 KiB and one hash, so that a caller that keeps
// count can end before much is in memory. Small hashes take one exchange, as with Hashes.
func (db *DB) EachHash(ctx context.Context, keys, fields []string, each func(i int, found Fields) (more bool, err error)) error {
	if len(keys) <= mostFew {
		return db.fewHashes(ctx, keys, fields, each)
	}
	for at := 0; at < len(keys); {
		rows, err := db.someHashes(ctx, keys[at:], fields)
		if err != nil {
			return err
		}
		for _, row := range rows {
			values, _ := row.([]any)
			if more, err := each(at, existing(fields, values)); err != nil || !more {
				return err
			}
			at++
		}
	}
	return nil
}

// fewHashes reads them in one exchange without a script, which costs less.
func (db *DB) fewHashes(ctx context.Context, keys, fields []string, each func(i int, found Fields) (more bool, err error)) error {
	all, err := db.Hashes(ctx, keys, fields...)
	if err != nil {
		return err
	}
	for i, found := range all {
		if more, err := each(i, found); err != nil || !more {
			return err
		}
	}
	return nil
}

// someHashes reads the first of keys, at least one.
func (db *DB) someHashes(ctx context.Context, keys, fields []string) ([]any, error) {
	args := make([]any, 0, 1+len(fields))
	args = append(args, replyBytes)
	for _, field := range fields {
		args = append(args, field)
	}
	var reply *redis.Cmd
	err := db.readMany(ctx, func(ctx context.Context, pipe redis.Pipeliner) {
		reply = pipe.Eval(ctx, eachHashSource, keys, args...)
	}, len(keys))
	if err != nil {
		return nil, err
	}
	return reply.Slice()
}

// Bytes is the size of the values.
func (f Fields) Bytes() (sum int) {
	for _, value := range f {
		sum += len(value)
	}
	return sum
}
