package redisdb

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Fields are the fields of a hash that exist.
type Fields map[string]string

// Hash reads fields of a hash; nil when there is none. See single for who is asked.
func (db *DB) Hash(ctx context.Context, key string, fields ...string) (Fields, error) {
	var reply *redis.SliceCmd
	found := func() Fields { return existing(fields, reply.Val()) }
	err := db.single(ctx, func(ctx context.Context, pipe redis.Pipeliner) { reply = pipe.HMGet(ctx, key, fields...) },
		func() bool { return found() != nil })
	if err != nil {
		return nil, err
	}
	return found(), nil
}

// Hashes reads the same fields of many hashes in one exchange; a hash that is
// not there is nil in the answer.
func (db *DB) Hashes(ctx context.Context, keys []string, fields ...string) ([]Fields, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	replies := make([]*redis.SliceCmd, len(keys))
	err := db.readMany(ctx, func(ctx context.Context, pipe redis.Pipeliner) {
		for i, key := range keys {
			replies[i] = pipe.HMGet(ctx, key, fields...)
		}
	}, len(keys))
	if err != nil {
		return nil, err
	}
	found := make([]Fields, len(keys))
	for i, reply := range replies {
		found[i] = existing(fields, reply.Val())
	}
	return found, nil
}

func existing(fields []string, values []any) Fields {
	var found Fields
	for i, value := range values {
		if text, ok := value.(string); ok {
			if found == nil {
				found = make(Fields, len(fields))
			}
			found[fields[i]] = text
		}
	}
	return found
}

// Value reads a string; "" when there is none. See single for who is asked.
func (db *DB) Value(ctx context.Context, key string) (string, error) {
	var reply *redis.StringCmd
	err := db.single(ctx, func(ctx context.Context, pipe redis.Pipeliner) { reply = pipe.Get(ctx, key) },
		func() bool { return reply.Val() != "" })
	if err != nil {
		return "", err
	}
	return reply.Val(), nil
}

// Newest reads up to limit ids of a list, newest first, that come before the id
// before; "" begins at the newest.
func (db *DB) Newest(ctx context.Context, key, before string, limit int) ([]string, error) {
	from := "+"
	if before != "" {
		from = "(" + before
	}
	var reply *redis.StringSliceCmd
	err := db.read(ctx, func(ctx context.Context, pipe redis.Pipeliner) {
		reply = pipe.ZRangeArgs(ctx, redis.ZRangeArgs{Key: key, Start: from, Stop: "-", ByLex: true, Rev: true, Count: int64(limit)})
	})
	if err != nil {
		return nil, err
	}
	return reply.Val(), nil
}

// newestOfSource reads several lists at one moment. It may run on a replica.
const newestOfSource = `#!lua flags=no-writes
-- keys: the lists; args: 1 '+', or '(' and the id that all come before, 2 how many of each
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('ZRANGE', key, ARGV[1], '-', 'BYLEX', 'REV', 'LIMIT', 0, ARGV[2]) end
return found`

// NewestOf reads up to limit ids of each of several lists as Newest does, all at one
// moment: an id that moves from one list to another meanwhile is in one of them.
func (db *DB) NewestOf(ctx context.Context, keys []string, before string, limit int) ([][]string, error) {
	from := "+"
	if before != "" {
		from = "(" + before
	}
	var reply *redis.Cmd
	err := db.read(ctx, func(ctx context.Context, pipe redis.Pipeliner) {
		reply = pipe.Eval(ctx, newestOfSource, keys, from, limit)
	})
	if err != nil {
		return nil, err
	}
	lists, err := reply.Slice()
	if err != nil {
		return nil, err
	}
	found := make([][]string, len(lists))
	for i, list := range lists {
		for _, id := range list.([]any) {
			found[i] = append(found[i], id.(string))
		}
	}
	return found, nil
}

// InAll tells which of the ids stand in all of the lists, in one exchange.
func (db *DB) InAll(ctx context.Context, keys, ids []string) ([]bool, error) {
	in := make([]bool, len(ids))
	for i := range in {
		in[i] = true
	}
	if len(keys) == 0 || len(ids) == 0 {
		return in, nil
	}
	args := make([]any, 2+len(ids))
	args[0] = "ZMSCORE"
	for i, id := range ids {
		args[2+i] = id
	}
	replies := make([]*redis.Cmd, len(keys))
	err := db.readMany(ctx, func(ctx context.Context, pipe redis.Pipeliner) {
		for i, key := range keys {
			one := slices.Clone(args)
			one[1] = key
			replies[i] = pipe.Do(ctx, one...)
		}
	}, len(keys))
	if err != nil {
		return nil, err
	}
	for _, reply := range replies {
		scores, err := reply.Slice()
		if err != nil || len(scores) != len(ids) {
			return nil, fmt.Errorf("ZMSCORE answered %d scores for %d ids: %w", len(scores), len(ids), err)
		}
		for i, score := range scores {
			in[i] = in[i] && score != nil
		}
	}
	return in, nil
}

// Scores reads the scores of members of a sorted set, as whole numbers; that of a member
// which is not there is "".
func (db *DB) Scores(ctx context.Context, key string, members []string) ([]string, error) {
	if len(members) == 0 {
		return nil, nil
	}
	var reply *redis.Cmd
	command := []any{"ZMSCORE", key}
	for _, member := range members {
		command = append(command, member)
	}
	err := db.read(ctx, func(ctx context.Context, pipe redis.Pipeliner) { reply = pipe.Do(ctx, command...) })
	if err != nil {
		return nil, err
	}
	values, err := reply.Slice()
	if err != nil {
		return nil, err
	}
	scores := make([]string, len(values))
	for i, value := range values {
		switch score := value.(type) {
		case float64:
			scores[i] = strconv.FormatFloat(score, 'f', 0, 64)
		case string:
			scores[i] = score
		}
	}
	return scores, nil
}

// Count gives the length of a list.
func (db *DB) Count(ctx context.Context, key string) (int64, error) {
	var reply *redis.IntCmd
	err := db.read(ctx, func(ctx context.Context, pipe redis.Pipeliner) { reply = pipe.ZCard(ctx, key) })
	if err != nil {
		return 0, err
	}
	return reply.Val(), nil
}

// Due gives up to limit members of a sorted set whose score, in milliseconds,
// has passed by the primary's clock.
func (db *DB) Due(ctx context.Context, key string, limit int64) ([]string, error) {
	return db.DueBefore(ctx, key, 0, limit)
}

// DueBefore gives up to limit members whose score has passed by age or more, those with the lowest first.
func (db *DB) DueBefore(ctx context.Context, key string, age time.Duration, limit int64) ([]string, error) {
	primary := db.topology.primary()
	if primary == nil {
		return nil, ErrUnavailable
	}
	now, err := primary.Time(ctx).Result()
	if err != nil {
		return nil, err
	}
	return primary.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: key, Start: "-inf", Stop: now.Add(-age).UnixMilli(), ByScore: true, Count: limit,
	}).Result()
}
