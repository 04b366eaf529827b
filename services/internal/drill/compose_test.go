package drill

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

// lineToNative is the line to a server of a native stack: the same redis-cli, but in
// no container.
func lineToNative(t *testing.T, s *stack.Stack, name string) *line {
	t.Helper()
	ip, port, _ := strings.Cut(s.Process(name).Addr(), ":")
	l := newLine(func() *exec.Cmd {
		program := exec.Command("sh", "-c", asOperator, port)
		program.Env = append(os.Environ(), "NODE_ADDRESS="+ip,
			"REDIS_ADMIN_USER="+s.Setting("REDIS_ADMIN_USER"), "REDIS_ADMIN_PASSWORD="+s.Setting("REDIS_ADMIN_PASSWORD"))
		return program
	})
	t.Cleanup(l.close)
	return l
}

func TestALineGivesWhatTheServerAnswers(t *testing.T) {
	s := stack.StartT(t, stack.Options{Services: stack.RedisAndSentinels()})
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	node, sentinel := lineToNative(t, s, primary), lineToNative(t, s, "sentinel-1")
	ask := func(l *line, command ...string) string {
		reply, err := l.ask(t.Context(), command...)
		require.NoError(t, err, "%v", command)
		return reply
	}
	t.Run("of any kind", func(t *testing.T) {
		odd := "two words, a \"quote\", a \\, an é and\ta tab"
		require.Equal(t, "OK", ask(node, "SET", "drill:line", odd))
		require.Equal(t, odd, ask(node, "GET", "drill:line"))
		require.Empty(t, ask(node, "GET", "drill:none"))
		require.Equal(t, "1", ask(node, "UNLINK", "drill:line"))
		require.Equal(t, "a\n\nb", ask(node, "EVAL", "return {'a', '', 'b'}", "0"))
		require.Equal(t, "master", fields(ask(node, "INFO", "replication"))["role"])
		require.Equal(t, strings.ReplaceAll(s.Process(primary).Addr(), ":", "\n"),
			ask(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.Setting("REDIS_MASTER_NAME")))
	})
	t.Run("errors too, and can be used on", func(t *testing.T) {
		_, err := node.ask(t.Context(), "EVAL", "return redis.error_reply('OOM no memory')", "0")
		require.ErrorIs(t, err, errRefused)
		require.ErrorContains(t, err, "OOM")
		require.Equal(t, "PONG", ask(node, "PING"))
	})
	t.Run("not when it is frozen, and again when it goes on", func(t *testing.T) {
		require.NoError(t, s.Process(primary).Pause())
		short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := node.ask(short, "PING")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, s.Process(primary).Resume())
		require.Eventually(t, func() bool {
			reply, err := node.ask(t.Context(), "ECHO", "it is new")
			return err == nil && reply == "it is new"
		}, 5*time.Second, 50*time.Millisecond)
	})
	t.Run("not when it is gone", func(t *testing.T) {
		require.NoError(t, s.Process("sentinel-1").Kill())
		_, err := sentinel.ask(t.Context(), "PING")
		require.Error(t, err)
	})
}

// settled is a stack of which only the settings are known.
type settled struct {
	Stack
	settings map[string]string
}

func (s settled) Setting(name string) string { return s.settings[name] }

func TestWhatCannotBeDoneToAShopSaysWhy(t *testing.T) {
	inContainers := &shop{stack: settled{settings: map[string]string{"EDGE_CONNECTIONS": "4000"}}}
	url := &shop{url: "http://127.0.0.1:8080"}
	tests := map[string]struct {
		shop *shop
		slug string
		want string // of the reason; empty: it can be done
	}{
		"a private stack takes what containers cannot": {nil, "disk-full", ""},
		"a private stack is changed":                   {nil, "clock-jump", ""},
		"a private stack has no network":               {nil, "primary-cut", "COMPOSE=1"},
		"nor has a shop of which the URL is known":     {url, "primary-cut", "COMPOSE=1"},
		"containers are killed":                        {inContainers, "primary-crash", ""},
		"containers are cut off":                       {inContainers, "primary-cut", ""},
		"Sentinels that were frozen are waited for":    {inContainers, "sentinels-frozen", ""},
		"what needs a process id":                      {inContainers, "disk-full-all", "process of this machine"},
		"what needs strace":                            {inContainers, "slow-disk", "process of this machine"},
		"what needs another program":                   {inContainers, "reply-lost", "are changed for it"},
		"a control, which does":                        {inContainers, "no-wait", "are changed for it"},
		"a setting that the shop was started with":     {inContainers, "api-freeze-retry", ""},
		"a setting that it was started otherwise with": {inContainers, "memory-full", "REDIS_MAXMEMORY=64mb, and this one has none"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, found := Find(test.slug)
			require.True(t, found)
			got := (&shops{somebodyElses: test.shop}).cannot(f)
			if test.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, test.want)
		})
	}
}

func TestSomebodysShopIsLeftAsItWas(t *testing.T) {
	mended, left := 0, 0
	s := &shops{somebodyElses: &shop{
		mend:  func(ctx context.Context) error { mended++; return ctx.Err() },
		leave: func() { left++ },
	}}
	require.NoError(t, s.close(t.Context()))
	require.Equal(t, 0, mended, "what it lacks is not the drill's affair before the first run")
	s.runs++
	require.NoError(t, s.used(t.Context(), true))
	require.Equal(t, 0, mended, "a run that passed has undone everything")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, s.used(stopped, false))
	require.NoError(t, s.close(stopped))
	require.Equal(t, 2, mended, "after a failure and at the end, though the drill was stopped")
	require.Equal(t, 2, left)
}
