package stack

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each user can do its work with the rights it has, and nobody is refused
// anything on the way.
func TestTheUsersRightsAreEnoughForTheirWork(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: RedisAndSentinels()})
	set(t, s, "evg:kept", "yes")

	t.Run("replication: a replica without data is given all of it", func(t *testing.T) {
		replica := s.Process("redis-3")
		require.NoError(t, replica.Terminate(t.Context()))
		require.NoError(t, os.RemoveAll(filepath.Join(s.Dir(), "redis-3", "data")))
		before := infoOf(t, s, "redis-1", "stats")["sync_full"]
		require.NoError(t, replica.Restart(t.Context()))
		requireHas(t, s, "evg:kept", "yes")
		require.NotEqual(t, before, infoOf(t, s, "redis-1", "stats")["sync_full"])
	})
	// What a script writes is kept as a transaction, which Redis reads with the
	// default user's rights.
	t.Run("default: what scripts wrote is there after everything was killed", func(t *testing.T) {
		script := "for i = 1, 3 do redis.call('SET', 'evg:script:' .. i, 'yes') end"
		_, err := ask(t.Context(), s.Process("redis-1").Addr(), s.loginOf("api-3"), "EVAL", script, "0")
		require.NoError(t, err)
		set(t, s, "evg:after", "yes") // on all nodes, and with it what came before
		for _, p := range s.Processes() {
			require.NoError(t, p.Kill())
		}
		require.NoError(t, s.Up(t.Context()))
		requireHas(t, s, "evg:script:3", "yes")
	})
	t.Run("exporter: it can ask all that redis_exporter asks", func(t *testing.T) {
		requireAnswers(t, s, "exporter", "redis-1", "PING", "CLIENT SETNAME redis_exporter", "INFO ALL", "LATENCY LATEST", "LATENCY HISTOGRAM",
			"SLOWLOG LEN", "SLOWLOG GET 1", "COMMAND INFO COMMANDLOG")
		name := s.Setting("REDIS_MASTER_NAME")
		requireAnswers(t, s, "exporter", "sentinel-1", "CLIENT SETNAME redis_exporter", "INFO ALL", "SENTINEL MASTERS",
			"SENTINEL CKQUORUM "+name, "SENTINEL SENTINELS "+name, "SENTINEL SLAVES "+name)
	})
	t.Run("api: it can find and hear of the primary", func(t *testing.T) {
		name := s.Setting("REDIS_MASTER_NAME")
		requireAnswers(t, s, "api-3", "sentinel-1", "PING", "SENTINEL GET-MASTER-ADDR-BY-NAME "+name, "SENTINEL MASTER "+name,
			"SENTINEL REPLICAS "+name, "SUBSCRIBE +switch-master +promoted-slave")
	})
	t.Run("sentinel: the primary is replaced, the other replica follows, both remember it", func(t *testing.T) {
		require.NoError(t, s.AwaitHealthy(t.Context()))
		require.NoError(t, s.Process("redis-1").Kill())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		primary, err := s.AwaitPrimary(ctx, func(name string) bool { return name != "redis-1" })
		require.NoError(t, err)
		other := map[string]string{"redis-2": "redis-3", "redis-3": "redis-2"}[primary]
		ip := s.Process(primary).service.ip(s.Net)
		require.Eventually(t, func() bool {
			state := infoOf(t, s, other, "replication")
			return state["master_host"] == ip && state["master_link_status"] == "up"
		}, time.Minute, pollEvery)
		require.Eventually(t, func() bool {
			return strings.Contains(configOf(t, s, other), "\nreplicaof "+ip+" 6379\n") && !strings.Contains(configOf(t, s, primary), "\nreplicaof ")
		}, time.Minute, pollEvery, "CONFIG REWRITE")
		for _, name := range []string{primary, other} {
			require.Contains(t, configOf(t, s, name), "aclfile", "what CONFIG REWRITE leaves still names the users")
		}
	})
	t.Run("boot: the old primary learns whom to follow", func(t *testing.T) {
		require.NoError(t, s.Process("redis-1").Restart(t.Context()))
		require.NoError(t, s.AwaitHealthy(t.Context()))
		requireOnePrimary(t, s, "")
		requireHas(t, s, "evg:kept", "yes")
	})
	refused, err := s.Refusals(t.Context())
	require.NoError(t, err)
	require.Empty(t, refused)
}

func requireAnswers(t *testing.T, s *Stack, user, server string, commands ...string) {
	t.Helper()
	for _, command := range commands {
		_, err := ask(t.Context(), s.Process(server).Addr(), s.loginOf(user), strings.Fields(command)...)
		require.NoError(t, err, "%s by %s at %s", command, user, server)
	}
}

func infoOf(t *testing.T, s *Stack, name, section string) map[string]string {
	t.Helper()
	info, err := s.Redis(t.Context(), name, "INFO", section)
	require.NoError(t, err)
	return fields(info)
}

func configOf(t *testing.T, s *Stack, name string) string {
	t.Helper()
	return readFile(t, filepath.Join(s.Dir(), name, "redis.conf"))
}
