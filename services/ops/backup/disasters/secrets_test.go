package disasters_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/operate"
	"evergreen/services/internal/stack"
	"evergreen/services/ops/rotate"
)

// secrets are the users of Redis that log in with each, one for a secret, and the servers that know this user.
var secrets = []struct {
	name, user string
	servers    []string
}{
	{"REDIS_API_PASSWORD", "api-3", everyServer()},
	{"REDIS_REPLICATION_PASSWORD", "replication", nodes()},
	{"REDIS_SENTINEL_PASSWORD", "sentinel", everyServer()},
	{"REDIS_EXPORTER_PASSWORD", "exporter", everyServer()},
	{"REDIS_BOOT_PASSWORD", "boot", everyServer()},
	{"REDIS_BACKUP_PASSWORD", "backup", nodes()},
	{"REDIS_ADMIN_PASSWORD", "operator", everyServer()},
}

func everyServer() []string { return append(nodes(), sentinels()...) }

// logsIn says whether a server lets a user in.
func (s *shop) logsIn(server, user, password string) bool {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.Process(server).Addr())
	require.NoError(s.t, err)
	ask := exec.CommandContext(s.t.Context(), "redis-cli", "-h", host, "-p", port, "--user", user, "PING")
	ask.Env = append(os.Environ(), "REDISCLI_AUTH="+password)
	said, err := ask.CombinedOutput()
	require.NoError(s.t, err)
	pong := strings.HasSuffix(strings.TrimSpace(string(said)), "PONG")
	require.True(s.t, pong || strings.Contains(string(said), "WRONGPASS"), "%s", said)
	return pong && !strings.Contains(string(said), "WRONGPASS")
}

// now is a secret as it stands in .env.
func (s *shop) now(secret string) string {
	s.t.Helper()
	settings, err := s.options.Reread()
	require.NoError(s.t, err)
	return settings[secret]
}

// requireReplaced demands that each server lets a user in with the new secret alone.
func (s *shop) requireReplaced(user, old, secret string, servers []string) {
	s.t.Helper()
	for _, server := range servers {
		require.False(s.t, s.logsIn(server, user, old), "%s lets %s in with the old secret", server, user)
		require.True(s.t, s.logsIn(server, user, secret), "%s refuses %s with the new secret", server, user)
	}
}

func TestEverySecretOfRedisIsReplacedWhileTheShopSellsAndNoRequestFails(t *testing.T) {
	s := open(t, stack.Options{})
	load := s.startTraffic()
	replica := s.replicas()[0]
	for _, secret := range secrets {
		old := s.now(secret.name)
		// A connection that somebody has opened with the old secret.
		open, err := s.loggedIn(secret.servers[0], secret.user, old)
		require.NoError(t, err)
		command := exec.CommandContext(t.Context(), "make", "rotate", "SECRET="+secret.name, "NET="+s.Net)
		command.Dir = s.clone
		command.Env = append(os.Environ(), "PWD="+s.clone)
		said, err := command.CombinedOutput()
		require.NoError(t, err, "%s: %s", secret.name, said)
		t.Logf("%s\n%s", secret.name, said)
		require.NotEqual(t, old, s.now(secret.name))
		require.Empty(t, s.now(secret.name+stack.NextEnding)+s.now(secret.name+stack.BeforeEnding))
		s.requireReplaced(secret.user, old, s.now(secret.name), secret.servers)
		_, err = open.Write([]byte("PING\r\n"))
		if err == nil {
			_, err = open.Read(make([]byte, 16))
		}
		require.Error(t, err, "the connection with the old secret is closed")
	}
	load.endWithoutFailure()

	// A node and a Sentinel that start again agree with the others.
	for _, name := range []string{replica, "sentinel-1"} {
		s.kill(name)
		s.awaitWholeNow()
	}
	for _, secret := range secrets {
		require.True(t, s.logsIn(secret.servers[0], secret.user, s.now(secret.name)), secret.name)
	}
}

// kill ends a service; the supervisor starts it again.
func (s *shop) kill(name string) {
	s.t.Helper()
	before := s.Process(name).PID()
	require.NoError(s.t, s.Process(name).Kill())
	s.await(name+" is started again", func() bool { pid := s.Process(name).PID(); return pid != 0 && pid != before })
}

// loggedIn is a connection of a user.
func (s *shop) loggedIn(server, user, password string) (net.Conn, error) {
	conn, err := net.Dial("tcp", s.Process(server).Addr())
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte("AUTH " + user + " " + password + "\r\n")); err != nil {
		return nil, err
	}
	answer := make([]byte, 16)
	n, err := conn.Read(answer)
	if err == nil && !strings.HasPrefix(string(answer[:n]), "+OK") {
		err = errors.New(string(answer[:n]))
	}
	return conn, err
}

// A rotation that is cut off after any of its steps leaves a shop that sells, also when everything starts anew, and the next
// run ends it.
func TestARotationThatIsCutOffAnywhereIsEndedByTheNextRun(t *testing.T) {
	s := open(t, stack.Options{})
	const secret = "REDIS_API_PASSWORD"
	for _, step := range []string{"stands in .env as", "accept both secrets", "in .env is the new one", "api-1 is made anew", "api-2 is made anew"} {
		t.Run(step, func(t *testing.T) {
			s.t = t
			old := s.now(secret)
			ctx, cancel := context.WithCancel(t.Context())
			err := s.rotate(ctx, secret, cutOff{step, cancel})
			require.ErrorIs(t, err, context.Canceled)
			s.kill(s.replicas()[0])
			s.kill("api-1")
			s.awaitWholeNow()
			require.NoError(t, s.rotate(t.Context(), secret, t.Output()))
			s.requireReplaced("api-3", old, s.now(secret), everyServer())
		})
	}
}

// cutOff ends a context when a step is done.
type cutOff struct {
	step   string
	cancel context.CancelFunc
}

func (c cutOff) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.step) {
		c.cancel()
	}
	return len(p), nil
}

func TestOnlyASecretThatRunningServersCanTakeIsReplaced(t *testing.T) {
	s := open(t, stack.Options{Services: stack.RedisAndSentinels()})
	before, err := os.ReadFile(filepath.Join(s.clone, ".env"))
	require.NoError(t, err)
	require.ErrorContains(t, s.rotate(t.Context(), "SECRET_KEY", t.Output()), "docs/secrets.md")
	require.NoError(t, os.Remove(filepath.Join(s.Dir(), "run/rereads-secrets")))
	require.ErrorContains(t, s.rotate(t.Context(), "REDIS_API_PASSWORD", t.Output()), "of an earlier version")
	after, err := os.ReadFile(filepath.Join(s.clone, ".env"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

// rotate is `make rotate` in this process.
func (s *shop) rotate(ctx context.Context, secret string, out io.Writer) error {
	s.t.Helper()
	settings, err := s.options.Reread()
	require.NoError(s.t, err)
	shop, err := stack.FindRunning(stack.Options{Net: s.Net, Dir: s.Dir(), Settings: settings})
	require.NoError(s.t, err)
	return rotate.Run(ctx, rotate.Options{Shop: shop, Root: s.clone, Secret: secret, Settings: s.options.Reread, Out: out})
}

// awaitWholeNow is awaitWhole with the secrets that stand in .env.
func (s *shop) awaitWholeNow() {
	s.t.Helper()
	settings, err := s.options.Reread()
	require.NoError(s.t, err)
	look := func(ctx context.Context) stack.Report { return stack.Inspect(ctx, s.Net, s.Dir(), settings) }
	require.NoError(s.t, operate.Await(s.t.Context(), io.Discard, patience, look))
}
