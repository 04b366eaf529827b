package redisdb

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"evergreen/services/internal/fault"
)

type primaryOnly struct{}

// FromPrimary makes the reads under the context go to the primary, as
// `Cache-Control: no-cache` asks for.
func FromPrimary(ctx context.Context) context.Context {
	return context.WithValue(ctx, primaryOnly{}, true)
}

func isPrimaryOnly(ctx context.Context) bool { return ctx.Value(primaryOnly{}) != nil }

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
	if found[0] != nil || isPrimaryOnly(ctx) {
		return found[0], nil
	}
	if again, err := db.Hashes(FromPrimary(ctx), []string{key}, fields...); err == nil {
		return again[0], nil
	}
	return nil, nil
}

// Hashes reads the same fields of many hashes in one exchange; a hash that is
// not there is nil in the answer.
func (db *DB) Hashes(ctx context.Context, keys []string, fields ...string) ([]Fields, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	replies := make([]*redis.SliceCmd, len(keys))
	err := db.read(ctx, func(c *redis.Client) error {
		_, err := c.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, key := range keys {
				replies[i] = pipe.HMGet(ctx, key, fields...)
			}
			return nil
		})
		return err
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
	var value string
	get := func(ctx context.Context) error {
		return db.read(ctx, func(c *redis.Client) (err error) {
			if value, err = c.Get(ctx, key).Result(); errors.Is(err, redis.Nil) {
				return nil
			}
			return err
		})
	}
	if err := get(ctx); err != nil || value != "" || isPrimaryOnly(ctx) {
		return value, err
	}
	_ = get(FromPrimary(ctx))
	return value, nil
}

// Newest reads up to limit ids of a list, newest first, that come before the id
// before; "" begins at the newest.
func (db *DB) Newest(ctx context.Context, key, before string, limit int) ([]string, error) {
	from := "+"
	if before != "" {
		from = "(" + before
	}
	var ids []string
	err := db.read(ctx, func(c *redis.Client) (err error) {
		ids, err = c.ZRangeArgs(ctx, redis.ZRangeArgs{Key: key, Start: from, Stop: "-", ByLex: true, Rev: true, Count: int64(limit)}).Result()
		return err
	})
	return ids, err
}

// Count gives the length of a list.
func (db *DB) Count(ctx context.Context, key string) (int64, error) {
	var n int64
	err := db.read(ctx, func(c *redis.Client) (err error) {
		n, err = c.ZCard(ctx, key).Result()
		return err
	})
	return n, err
}

// Due gives up to limit members of a sorted set whose score, in milliseconds,
// has passed by the primary's clock.
func (db *DB) Due(ctx context.Context, key string, limit int64) ([]string, error) {
	now, err := db.primary.Time(ctx).Result()
	if err != nil {
		return nil, err
	}
	return db.primary.ZRangeArgs(ctx, redis.ZRangeArgs{Key: key, Start: "-inf", Stop: now.UnixMilli(), ByScore: true, Count: limit}).Result()
}

// read asks a replica, then, if that cannot be reached, the primary.
func (db *DB) read(ctx context.Context, ask func(*redis.Client) error) error {
	order := []*redis.Client{db.replica, db.primary}
	if isPrimaryOnly(ctx) {
		order = order[1:]
	}
	var err error
	for _, client := range order {
		if err = ask(client); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err == nil {
		return nil
	}
	unavailable := fault.Wrap(err, ErrUnavailable.Kind, ErrUnavailable.Code, "The store cannot be read at the moment.")
	unavailable.RetryAfter = ErrUnavailable.RetryAfter
	return unavailable
}
