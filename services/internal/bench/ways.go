package bench

import (
	"context"

	"evergreen/services/internal/redisdb"
)

// database is what the stores need of redisdb.
type database interface {
	Commit(ctx context.Context, cmd redisdb.Command) (redisdb.Result, error)
	Hash(ctx context.Context, key string, fields ...string) (redisdb.Fields, error)
	Hashes(ctx context.Context, keys []string, fields ...string) ([]redisdb.Fields, error)
	EachHash(ctx context.Context, keys, fields []string, each func(i int, found redisdb.Fields) (more bool, err error)) error
	Value(ctx context.Context, key string) (string, error)
	Count(ctx context.Context, key string) (int64, error)
	Newest(ctx context.Context, key, before string, limit int) ([]string, error)
	InAll(ctx context.Context, keys, ids []string) ([]bool, error)
	NewestOf(ctx context.Context, keys []string, before string, limit int) ([][]string, error)
	Due(ctx context.Context, key string, limit int64) ([]string, error)
	InForce(layout int) bool
}

// way is one way to commit writes.
type way struct {
	name  string
	db    database
	close func()
}
