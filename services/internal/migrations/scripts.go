package migrations

import (
	"context"
	_ "embed"
	"strconv"
	"time"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/redisdb"
)

//go:embed common.lua
var commonSource string

//go:embed lease.lua
var leaseSource string

//go:embed mark.lua
var markSource string

//go:embed layout.lua
var layoutSource string

var (
	leaseScript  = redisdb.NewScript("migration.lease", leaseSource)
	layoutScript = redisdb.NewScript("migration.layout", layoutSource)
	markScript   = NewCopy("migration.mark", markSource)
)

// The scripts' codes, as common.lua lists them.
const (
	codeDone = iota
	codeLeaseLost
	codeOtherRecord
	codeChanged
)

// leaseFor is how long a lease lasts after its last use. Should its holder be killed
// or frozen, another replica goes on after that.
const leaseFor = 10 * time.Second

// NewCopy makes the script of a migration from what is its own; common.lua stands
// before it.
func NewCopy(name, body string) *redisdb.Script { return redisdb.NewScript(name, commonSource+body) }

// command is a write of a script under the lease. It needs no remembered outcome: the
// scripts say why.
func command(script *redisdb.Script, actor string, keys []string, args ...any) redisdb.Command {
	return script.Command(idempotency.Request{}, actor, keys, args...)
}

// takeLease answers whether the lease is the holder's now.
func takeLease(ctx context.Context, db Database, holder string, last time.Duration, byForce bool) (bool, error) {
	force := "0"
	if byForce {
		force = "1"
	}
	result, err := db.Commit(ctx, command(leaseScript, holder, []string{redisdb.KeyMigrationLease()}, holder, last.Milliseconds(), force))
	return err == nil && result.Code == codeDone, err
}

// records reads what is recorded of migrations, each as its text.
func records(ctx context.Context, db Database, all []Migration) ([]string, error) {
	numbers := make([]string, len(all))
	for i, m := range all {
		numbers[i] = strconv.Itoa(m.Number)
	}
	fields, err := db.Hash(ctx, redisdb.KeyMigrations(), numbers...)
	texts := make([]string, len(all))
	for i, number := range numbers {
		texts[i] = fields[number]
	}
	return texts, err
}
