package redisdb

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Fields are the fields of a hash that exist.
type Fields map[string]string

// Hash reads fields of a hash; nil when there is none. A replica may not have
// seen the newest things yet, so what a replica misses the primary is asked
// for: nobody gets a 404 for what was just created.
func (db *DB) Hash(ctx context.Context, key string, fields ...string) (Fields, error) {
	found, err := db.Hashes(ctx, []string{key}, fields...)
	if err != nil {
		return nil, err
	}
	if found[0] != nil || readingOf(ctx).Strong {
		return found[0], nil
	}
	var reply *redis.SliceCmd
	if db.askPrimary(ctx, func(ctx context.Context, pipe redis.Pipeliner) { reply = pipe.HMGet(ctx, key, fields...) }) != nil {
		return nil, nil //nolint:nilerr // without a primary the replica's word stands
	}
	return existing(fields, reply.Val()), nil
}

// Hashes reads the same fields of many hashes in one exchange; a hash that is
// not there is nil in the answer.
func (db *DB) Hashes(ctx context.Context, keys []string, fields ...string) ([]Fields, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	replies := make([]*redis.SliceCmd, len(keys))
	err := db.read(ctx, func(ctx context.Context, pipe redis.Pipeliner) {
		for i, key := range keys {
			replies[i] = pipe.HMGet(ctx, key, fields...)
		}
	})
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

// Value reads a string; "" when there is none, after the primary was asked too.
func (db *DB) Value(ctx context.Context, key string) (string, error) {
	var reply *redis.StringCmd
	get := func(ctx context.Context, pipe redis.Pipeliner) { reply = pipe.Get(ctx, key) }
	if err := db.read(ctx, get); err != nil {
		return "", err
	}
	if reply.Val() == "" && !readingOf(ctx).Strong && db.askPrimary(ctx, get) != nil {
		return "", nil //nolint:nilerr // without a primary the replica's word stands
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
	primary := db.topology.primary()
	if primary == nil {
		return nil, ErrUnavailable
	}
	now, err := primary.Time(ctx).Result()
	if err != nil {
		return nil, err
	}
	return primary.ZRangeArgs(ctx, redis.ZRangeArgs{Key: key, Start: "-inf", Stop: now.UnixMilli(), ByScore: true, Count: limit}).Result()
}
