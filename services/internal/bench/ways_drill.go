//go:build drill

package bench

import (
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/stack"
)

// weakness is the setting by which a program built for the drill leaves a
// safeguard out; it is read when a DB is made.
const weakness = "SHOP_WEAKNESS"

// open gives all ways, each with connections of its own, on the same servers.
func open(servers *stack.Stack) (ways []way, err error) {
	for _, one := range []struct{ name, without string }{{grouped, ""}, {bare, "no-wait"}, {alone, ""}} {
		if err := os.Setenv(weakness, one.without); err != nil {
			return nil, err
		}
		db := redisdb.New(settings(servers, one.name), prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
		db.Start()
		w := way{name: one.name, db: db, close: func() { _ = db.Stop() }}
		if one.name == alone {
			w.db = redisdb.Alone{DB: db}
		}
		ways = append(ways, w)
	}
	return ways, os.Unsetenv(weakness)
}

func settings(servers *stack.Stack, name string) redisdb.Settings {
	return redisdb.Settings{
		MasterName: servers.Setting("REDIS_MASTER_NAME"), Sentinels: servers.Sentinels(),
		User: "api-3", Password: servers.Setting("REDIS_API_PASSWORD"),
		SentinelUser: "api-3", SentinelPassword: servers.Setting("REDIS_API_PASSWORD"),
		Deadline: 10 * time.Second, Replica: name,
	}
}
