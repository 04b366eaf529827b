package stack

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// rightsOnNodes is all that each user may do on a Redis node. Who gives a user
// another right has to say so here, too. Beside these everybody may say who he is.
func rightsOnNodes() map[string]string {
	api := `ping info time wait eval evalsha get set incr del exists pexpire hget hmget hset hdel
			zadd zrange zcard zrem zremrangebyscore zremrangebyrank xadd`
	return map[string]string{
		"nobody":      "",
		"api":         api,
		"api-2":       api + " mget",
		"api-3":       api + " mget hlen zmscore",
		"exporter":    "ping info client|setname command|info slowlog|len slowlog|get latency|latest latency|histogram",
		"replication": "ping replconf psync",
		"sentinel":    "ping info subscribe publish multi exec slaveof config|rewrite client|setname client|kill script|kill",
		"boot":        "ping info replicaof",
		"backup":      "ping info get zrange",
	}
}

// rightsOnSentinels is the same for a Sentinel, which does not know replication.
func rightsOnSentinels() map[string]string {
	api := "ping subscribe sentinel|get-master-addr-by-name sentinel|master sentinel|replicas"
	return map[string]string{
		"nobody":   "",
		"api":      api,
		"api-2":    api,
		"api-3":    api,
		"exporter": "ping info client|setname command|info sentinel|masters sentinel|ckquorum sentinel|sentinels sentinel|slaves",
		"sentinel": "ping client|setname publish sentinel|is-master-down-by-addr",
		"boot":     "ping sentinel|get-master-addr-by-name sentinel|master",
	}
}

// loginOf is one of the shop's own users; "nobody" does not say who he is. The API's
// users, one for each layout of the data, have one password.
func (s *Stack) loginOf(user string) login {
	switch user {
	case "nobody":
		return login{}
	case "api-2", "api-3":
		return login{user, s.Setting("REDIS_API_PASSWORD")}
	}
	return login{user, s.Setting("REDIS_" + strings.ToUpper(user) + "_PASSWORD")}
}

func TestTheUsersOfRedisAndSentinel(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: RedisAndSentinels()})
	for name, test := range map[string]func(*testing.T, *Stack){
		"each may do what stands in its list and no other command that there is": usersMayDoWhatStandsInTheirLists,
		"each reaches its own keys and channels alone":                           usersReachTheirOwnKeysAndChannels,
		"no secret opens another one's door, or the default user's":              noSecretIsGoodForTwo,
		"the servers keep no secret that they do not send":                       serversKeepNoSecretThatTheyDoNotSend,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

func usersMayDoWhatStandsInTheirLists(t *testing.T, s *Stack) {
	t.Helper()
	for server, rights := range map[string]map[string]string{"redis-1": rightsOnNodes(), "sentinel-1": rightsOnSentinels()} {
		commands := commandsOf(t, s, server)
		require.Greater(t, len(commands), 60, server)
		for user, allowed := range rights {
			t.Run(user+" at "+server, func(t *testing.T) {
				require.ElementsMatch(t, strings.Fields(allowed), s.allowed(t, server, user, commands))
			})
		}
		t.Run("the operator at "+server, func(t *testing.T) {
			reply, err := s.Redis(t.Context(), server, "ACL", "GETUSER", s.Setting("REDIS_ADMIN_USER"))
			require.NoError(t, err)
			texttest.Contains(t, reply, "commands\n+@all\nkeys\n~*\nchannels\n&*")
		})
	}
}

// commandsOf lists every command that a server has, each as it is called with as
// few arguments as it takes. What has subcommands is none by itself.
func commandsOf(t *testing.T, s *Stack, server string) map[string][]string {
	t.Helper()
	operator, err := s.Dial(t.Context(), server)
	require.NoError(t, err)
	defer operator.Close()
	list, err := operator.Do(t.Context(), "COMMAND", "LIST")
	require.NoError(t, err)
	commands := map[string][]string{}
	for _, name := range strings.Fields(list) {
		info, err := operator.Do(t.Context(), "COMMAND", "INFO", name)
		require.NoError(t, err)
		arity, err := strconv.Atoi(strings.Split(info, "\n")[1])
		require.NoError(t, err, name)
		words := strings.Split(name, "|")
		for len(words) < max(arity, -arity) {
			words = append(words, "evg:try")
		}
		commands[name] = words
	}
	for name := range commands {
		if container, _, sub := strings.Cut(name, "|"); sub {
			delete(commands, container)
		}
	}
	return commands
}

// allowed tries every command and lists those that are not refused for want of
// rights. Most fail for other reasons: their arguments are nonsense.
func (s *Stack) allowed(t *testing.T, server, user string, commands map[string][]string) (names []string) {
	t.Helper()
	everybodys := []string{"auth", "hello", "quit", "reset"}
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		_, err := ask(t.Context(), s.Process(server).Addr(), s.loginOf(user), commands[name]...)
		if !refusedToRun(err) && !slices.Contains(everybodys, name) {
			names = append(names, name)
		}
	}
	return names
}

// refusedToRun: for want of rights or of a login, or because the command is off
// for everybody, as DEBUG and MODULE LOAD are.
func refusedToRun(err error) bool {
	return err != nil && slices.ContainsFunc([]string{"no permissions to run", "NOAUTH", "command not allowed"}, func(text string) bool {
		return strings.Contains(err.Error(), text)
	})
}

func usersReachTheirOwnKeysAndChannels(t *testing.T, s *Stack) {
	t.Helper()
	set(t, s, "other", "secret")
	set(t, s, "evg:own", "1")
	for _, try := range []struct {
		user, server, command string
		refused               string // part of the error, empty when it is allowed
	}{
		{"api", "redis-1", "GET evg:own", ""},
		{"api", "redis-1", "GET other", "key"},
		{"api", "redis-1", "SET other 1", "key"},
		{"api", "redis-1", "DEL evg:own other", "key"},
		{"api", "redis-1", "EVAL return{KEYS[1]} 1 evg:own", ""},
		{"api", "redis-1", "EVAL return{KEYS[1]} 1 other", "key"},
		{"api", "redis-1", "EVAL return(redis.call('GET','evg:own')) 0", ""},
		{"api", "redis-1", "EVAL return(redis.call('GET','other')) 0", "key"},
		{"api", "redis-1", "EVAL return(redis.call('KEYS','*')) 0", "command"},
		{"api", "redis-1", "EVAL return(redis.call('PUBLISH','evg:own','x')) 0", "command"},
		{"api", "redis-1", "EVAL return(redis.call('CONFIG','GET','masterauth')) 0", "command"},
		{"api-3", "redis-1", "GET evg:own", ""},
		{"api-3", "redis-1", "GET other", "key"},
		{"api-3", "redis-1", "EVAL return(redis.call('GET','other')) 0", "key"},
		{"api-3", "sentinel-1", "SUBSCRIBE +switch-master", ""},
		{"api-3", "sentinel-1", "SUBSCRIBE __sentinel__:hello", "channel"},
		{"backup", "redis-1", "GET evg:heartbeat", ""},
		{"backup", "redis-1", "GET evg:own", "key"},
		{"api", "sentinel-1", "SUBSCRIBE +switch-master", ""},
		{"api", "sentinel-1", "SUBSCRIBE __sentinel__:hello", "channel"},
		{"sentinel", "redis-1", "SUBSCRIBE __sentinel__:hello", ""},
		{"sentinel", "redis-1", "SUBSCRIBE __keyspace@0__:evg:own", "channel"},
		{"sentinel", "redis-1", "PUBLISH evg:own x", "channel"},
		{"sentinel", "sentinel-1", "PUBLISH +switch-master x", "channel"},
	} {
		_, err := ask(t.Context(), s.Process(try.server).Addr(), s.loginOf(try.user), strings.Fields(try.command)...)
		if try.refused == "" {
			require.NoError(t, err, try.command)
		} else {
			require.ErrorContains(t, err, try.refused, try.command)
		}
	}
}

func noSecretIsGoodForTwo(t *testing.T, s *Stack) {
	t.Helper()
	users := []string{"api", "exporter", "replication", "sentinel", "boot", "backup", "admin", "default", "api-2", "api-3"}
	for _, server := range RedisAndSentinels() {
		_, err := ask(t.Context(), s.Process(server).Addr(), login{user: "default"}, "PING")
		require.ErrorContains(t, err, "WRONGPASS", server)
		for _, secret := range users[:7] {
			for _, user := range users {
				as := login{user, s.loginOf(secret).password}
				if user == "admin" {
					as.user = s.Setting("REDIS_ADMIN_USER")
				}
				_, err := ask(t.Context(), s.Process(server).Addr(), as, "PING")
				own := user == secret || strings.HasPrefix(user, "api-") && secret == "api"
				if own && (user != "replication" && user != "backup" || strings.HasPrefix(server, "redis")) {
					require.NoError(t, err, "%s at %s", user, server)
				} else {
					require.ErrorContains(t, err, "WRONGPASS", "%s with the secret of %s at %s", user, secret, server)
				}
			}
		}
	}
}

// A server that runs shows its environment to whoever may look at its user's
// processes, and a file is read by accident: so neither tells what it need not.
func serversKeepNoSecretThatTheyDoNotSend(t *testing.T, s *Stack) {
	t.Helper()
	sends := map[string][]string{"redis": {"REDIS_REPLICATION_PASSWORD"}, "sentinel": {"REDIS_SENTINEL_PASSWORD"}}
	for _, p := range s.Processes() {
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID()))
		require.NoError(t, err)
		require.NotEmpty(t, environment)
		kind, _, _ := strings.Cut(p.Name(), "-")
		config := readFile(t, filepath.Join(s.Dir(), p.Name(), kind+".conf"))
		users := readFile(t, filepath.Join(s.Dir(), p.Name(), "users.acl"))
		for _, name := range secretNames() {
			secret := s.Setting(name)
			texttest.NotContains(t, string(environment), secret, "%s in the environment of %s", name, p.Name())
			texttest.NotContains(t, users, secret, "%s in the users of %s", name, p.Name())
			require.Equal(t, slices.Contains(sends[kind], name), strings.Contains(config, secret), "%s in the configuration of %s", name, p.Name())
		}
	}
}

func TestOfTheRedisSecretsTheAPIGetsItsOwnAlone(t *testing.T) {
	t.Parallel()
	root, err := Root()
	require.NoError(t, err)
	s := &Stack{Net: "127.9.9", root: root, apiBinary: "api"}
	s.settings, err = defaults(root)
	require.NoError(t, err)
	s.settings["REDIS_PASSWORD"] = "of-an-old-env"
	started := strings.Join(s.api(topology()[6], t.TempDir()).env, "\n")
	for _, name := range secretNames() {
		own := slices.Contains([]string{"SECRET_KEY", "ADMIN_PASSWORD", "REDIS_API_PASSWORD"}, name)
		require.Equal(t, own, strings.Contains(started, s.Setting(name)), name)
	}
	texttest.Contains(t, started+"\n", "REDIS_USER=api\n") // the order is a map's
	texttest.NotContains(t, started, "of-an-old-env")
}

func TestAnOperatorCannotTakeTheNameOfAnotherUser(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"api", "api-2", "api-30", "default", "sentinel", "a b", "x on nopass"} {
		_, err := Start(t.Context(), Options{Services: []string{"redis-1"}, Settings: map[string]string{"REDIS_ADMIN_USER": name}})
		require.ErrorContains(t, err, "redis-1 is not ready", name)
		require.ErrorContains(t, err, "start: REDIS_ADMIN_USER", name)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
