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

func TestTheFirstRunEndsWithOnePrimaryAndTwoReplicas(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: RedisAndSentinels()})
	requireOnePrimary(t, s, "redis-1")
	for _, name := range names(func(s service) bool { return s.kind == kindRedis }) {
		require.Eventually(t, func() bool {
			_, err := os.Stat(filepath.Join(s.Dir(), name, "first-run"))
			return os.IsNotExist(err)
		}, 10*time.Second, pollEvery, "the mark of the first run goes when the Sentinels know the replicas")
		for _, file := range []string{"redis.conf", "users.acl"} {
			info, err := os.Stat(filepath.Join(s.Dir(), name, file))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it holds a password")
		}
	}
}

func TestTheRedisNodesRunWithTheSettingsThatPromisesRestOn(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: RedisAndSentinels(), Settings: map[string]string{"REDIS_MAXMEMORY": "64mb"}})
	want := map[string]string{
		"appendonly": "yes", "appendfsync": "always", "maxmemory": "67108864",
		"maxmemory-policy": "noeviction", "repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1",
		"replica-priority": "100", "min-replicas-to-write": "1", "min-replicas-max-lag": "2",
	}
	for _, p := range s.ofKind(kindRedis) {
		for setting, value := range want {
			reply, err := s.Redis(t.Context(), p.Name(), "CONFIG", "GET", setting)
			require.NoError(t, err)
			require.Equal(t, setting+"\n"+value, reply, p.Name())
		}
	}
	view, err := s.sentinelView(t.Context(), s.Process("sentinel-1").service)
	require.NoError(t, err)
	require.Equal(t, []string{"2000", "3000", "1", "2"},
		[]string{view["down-after-milliseconds"], view["failover-timeout"], view["parallel-syncs"], view["quorum"]})
}

// While all three nodes have a forked child, an order costs three times as much.
func TestNoTwoNodesForkByTheSameMeasure(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: RedisAndSentinels()})
	for _, setting := range []string{"save", "auto-aof-rewrite-percentage", "auto-aof-rewrite-min-size"} {
		values := map[string]bool{}
		for _, node := range servicesOf(kindRedis) {
			reply, err := s.Redis(t.Context(), node.name, "CONFIG", "GET", setting)
			require.NoError(t, err)
			name, value, _ := strings.Cut(reply, "\n")
			require.Equal(t, setting, name)
			require.Regexp(t, "^[1-9]", value)
			values[value] = true
		}
		require.Len(t, values, 3, setting)
	}
}

func TestAChangedSettingHoldsFromTheNextStartAndNothingLearnedIsLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := StartT(t, Options{Services: RedisAndSentinels(), Dir: dir})
	before := sentinelIDs(t, s)
	set(t, s, "kept", "yes")
	require.NoError(t, s.Stop(t.Context()))

	s = StartT(t, Options{Services: RedisAndSentinels(), Dir: dir, Net: s.Net, Settings: map[string]string{
		"REDIS_ADMIN_USER": "another-name", "REDIS_ADMIN_PASSWORD": "another-password", "REDIS_REPLICATION_PASSWORD": "another-one",
		"REDIS_SENTINEL_PASSWORD": "and-another-one", "REDIS_BOOT_PASSWORD": "and-one-more", "REDIS_MAXMEMORY": "64mb", "SENTINEL_DOWN_AFTER_MS": "3000",
	}})
	require.Equal(t, before, sentinelIDs(t, s))
	requireOnePrimary(t, s, "redis-1")
	view, err := s.sentinelView(t.Context(), s.Process("sentinel-2").service)
	require.NoError(t, err)
	require.Equal(t, "3000", view["down-after-milliseconds"])
	reply, err := s.Redis(t.Context(), "redis-3", "CONFIG", "GET", "maxmemory")
	require.NoError(t, err)
	require.Equal(t, "maxmemory\n67108864", reply)
	requireHas(t, s, "kept", "yes")
}

// The Sentinels learn of the replicas up to 10 s after the first start. Whatever
// they know when everything stops, the shop comes back with its data.
func TestAStackThatIsStoppedSoonAfterItsFirstStartComesBack(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{time.Second, 3 * time.Second, 8 * time.Second} {
		for how, end := range map[string]func(*testing.T, *Stack){"in order": stopT, "by SIGKILL": killAll} {
			t.Run(after.String()+" "+how, func(t *testing.T) {
				t.Parallel()
				o := Options{Services: RedisAndSentinels(), Dir: t.TempDir()}
				s := launchT(t, o)
				began := time.Now()
				written := after > time.Second
				if written {
					awaitReplicas(t, s)
					set(t, s, "kept", "yes")
				}
				<-time.After(time.Until(began.Add(after))) // the time is what is tested
				end(t, s)

				o.Net = s.Net
				s = StartT(t, o)
				requireOnePrimary(t, s, "redis-1")
				if written {
					requireHas(t, s, "kept", "yes")
				}
			})
		}
	}
}

func TestAPrimaryThatDiesSoonAfterTheFirstStartComesBack(t *testing.T) {
	t.Parallel()
	s := launchT(t, Options{Services: RedisAndSentinels()})
	awaitReplicas(t, s)
	set(t, s, "kept", "yes")
	require.NoError(t, s.Process("redis-1").Kill())
	require.NoError(t, s.Up(t.Context()))
	requireOnePrimary(t, s, "")
	requireHas(t, s, "kept", "yes")
}

// launchT starts Redis and the Sentinels and waits for nothing.
func launchT(t *testing.T, o Options) *Stack {
	t.Helper()
	s, err := New(t.Context(), o)
	require.NoError(t, err)
	s.StopT(t)
	require.NoError(t, s.launch(kindSentinel, kindRedis))
	return s
}

// awaitReplicas waits until redis-1 serves both replicas.
func awaitReplicas(t *testing.T, s *Stack) {
	t.Helper()
	require.NoError(t, s.ready(t.Context(), kindRedis))
	require.Eventually(t, func() bool {
		info, _ := s.Redis(t.Context(), "redis-1", "INFO", "replication")
		return strings.Count(info, "state=online") == 2
	}, 20*time.Second, pollEvery)
}

func stopT(t *testing.T, s *Stack) {
	t.Helper()
	require.NoError(t, s.Stop(t.Context()))
}

func killAll(t *testing.T, s *Stack) {
	t.Helper()
	for _, p := range s.processes {
		_ = p.signalGroup(9) // all at once, then wait
	}
	stopT(t, s)
}

// set writes through the primary and waits for both replicas.
func set(t *testing.T, s *Stack, key, value string) {
	t.Helper()
	primary, err := s.AwaitPrimary(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, await(t.Context(), func(ctx context.Context) error {
		_, err := s.Redis(ctx, primary, "SET", key, value)
		return err
	}))
	for _, p := range s.ofKind(kindRedis) {
		if p.PID() == 0 {
			continue
		}
		require.Eventually(t, func() bool {
			got, _ := s.Redis(t.Context(), p.Name(), "GET", key)
			return got == value
		}, 20*time.Second, pollEvery, p.Name())
	}
}

// requireHas finds the value on every node.
func requireHas(t *testing.T, s *Stack, key, value string) {
	t.Helper()
	for _, p := range s.ofKind(kindRedis) {
		got, err := s.Redis(t.Context(), p.Name(), "GET", key)
		require.NoError(t, err)
		require.Equal(t, value, got, p.Name())
	}
}

// requireOnePrimary: the Sentinels agree on one (this one, if it is named), and
// nobody else says that it is primary.
func requireOnePrimary(t *testing.T, s *Stack, name string) {
	t.Helper()
	primary, err := s.AwaitPrimary(t.Context(), nil)
	require.NoError(t, err)
	if name != "" {
		require.Equal(t, name, primary)
	}
	_, primaries := s.roles(t.Context())
	require.Len(t, primaries, 1)
	require.Equal(t, primary, primaries[0].Name())
}

func sentinelIDs(t *testing.T, s *Stack) (ids []string) {
	t.Helper()
	for _, p := range s.ofKind(kindSentinel) {
		id, err := s.Redis(t.Context(), p.Name(), "SENTINEL", "MYID")
		require.NoError(t, err)
		ids = append(ids, id)
	}
	return ids
}
