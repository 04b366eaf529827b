package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// replaceInFile changes a file of changedFiles once more.
func replaceInFile(t *testing.T, path, old, with string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), old)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, with)), 0o600))
}

func TestRightsAreGrantedToAllServersAndNoConnectionNoticesIt(t *testing.T) {
	t.Parallel()
	files := changedFiles(t, "redis/users.acl", "+xadd", "+xadd")
	s := StartT(t, Options{Services: RedisAndSentinels(), Files: files})
	api, everywhere := s.loginOf("api-3"), append(servicesOf(kindRedis), servicesOf(kindSentinel)...)
	require.ErrorContains(t, s.tryXRange(t, "redis-1"), "NOPERM")
	link := s.connectionsOf(t, "redis-1", "replica")
	require.Len(t, link, 2)
	clients, listening := map[string]*Conn{}, s.connectionsOf(t, "sentinel-1", "pubsub")
	for _, svc := range everywhere {
		c, err := dial(t.Context(), svc.address(s.Net), api)
		require.NoError(t, err)
		defer c.Close()
		clients[svc.name] = c
	}
	ctx, stop := context.WithCancel(t.Context())
	asking := make(chan error, 1)
	go func() { asking <- askUntil(ctx, clients) }()

	replaceInFile(t, filepath.Join(files, "redis/users.acl"), "+xadd", "+xadd +xrange")
	replaceInFile(t, filepath.Join(files, "redis/sentinel-users.acl"), "+sentinel|replicas", "+sentinel|replicas +sentinel|sentinels")
	require.NoError(t, s.GrantRights(t.Context()))
	stop()
	require.NoError(t, <-asking, "a client of before was refused, or lost its connection")

	for _, svc := range servicesOf(kindRedis) {
		require.NoError(t, s.tryXRange(t, svc.name))
	}
	_, err := clients["sentinel-2"].Do(t.Context(), "SENTINEL", "SENTINELS", s.Setting("REDIS_MASTER_NAME"))
	require.NoError(t, err, "a right of a Sentinel's")
	require.ElementsMatch(t, link, s.connectionsOf(t, "redis-1", "replica"), "the replicas kept their links")
	require.Subset(t, s.connectionsOf(t, "sentinel-1", "pubsub"), listening)
	refusals, err := s.Refusals(t.Context())
	require.NoError(t, err)
	for _, refusal := range refusals {
		require.Equal(t, strings.Count(refusal, "reason"), strings.Count(refusal, "\nxrange\n"), refusal)
	}
}

// askUntil sends a command of the API's to every server in turn, on connections of before, until ctx ends.
func askUntil(ctx context.Context, clients map[string]*Conn) error {
	for ctx.Err() == nil {
		for name, c := range clients {
			// Not with ctx: an answer that is not read leaves the connection useless.
			if _, err := c.Do(context.WithoutCancel(ctx), "PING"); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// tryXRange is refused with NOPERM until the API has the right.
func (s *Stack) tryXRange(t *testing.T, node string) error {
	t.Helper()
	_, err := ask(t.Context(), serviceNamed(node).address(s.Net), s.loginOf("api-3"), "XRANGE", "evg:events", "-", "+", "COUNT", "1")
	return err
}

// connectionsOf lists the ids of a server's connections of a kind.
func (s *Stack) connectionsOf(t *testing.T, server, kind string) []string {
	t.Helper()
	list, err := s.Redis(t.Context(), server, "CLIENT", "LIST", "TYPE", kind)
	require.NoError(t, err)
	return regexp.MustCompile(`(?m)^id=\d+`).FindAllString(list, -1)
}

func TestANodeThatStartsAgainKeepsTheRightsThatWereGranted(t *testing.T) {
	t.Parallel()
	files := changedFiles(t, "redis/users.acl", "+xadd", "+xadd")
	s := StartT(t, Options{Services: RedisAndSentinels(), Files: files})
	replaceInFile(t, filepath.Join(files, "redis/users.acl"), "+xadd", "+xadd +xrange")
	require.NoError(t, s.GrantRights(t.Context()))
	list := filepath.Join(s.Dir(), "redis-2", "users.acl")
	written, err := os.ReadFile(list)
	require.NoError(t, err)
	require.Contains(t, string(written), "+xadd +xrange")
	require.NotContains(t, string(written), "${")
	granted := s.rightsOf(t, "redis-2")
	require.NoError(t, s.Process("redis-2").Restart(t.Context()))
	require.Equal(t, granted, s.rightsOf(t, "redis-2"), "what was granted is what the list gives at a start")
}

// rightsOf lists what each user of a server may do. Redis tells the commands in no order, and of a user that was changed
// while it runs also what holds for all users.
func (s *Stack) rightsOf(t *testing.T, server string) map[string][]string {
	t.Helper()
	list, err := s.Redis(t.Context(), server, "ACL", "LIST")
	require.NoError(t, err)
	rights := map[string][]string{}
	for user := range strings.Lines(list) {
		words := slices.DeleteFunc(strings.Fields(user), func(word string) bool { return word == "sanitize-payload" })
		rights[words[1]] = slices.Sorted(slices.Values(words[2:]))
	}
	return rights
}

func TestAServerThatDoesNotTakeTheRightsIsNamed(t *testing.T) {
	t.Parallel()
	files := changedFiles(t, "redis/users.acl", "+xadd", "+xadd")
	s := StartT(t, Options{Services: RedisAndSentinels(), Files: files})
	replaceInFile(t, filepath.Join(files, "redis/users.acl"), "+xadd", "+xadd +nosuchcommand")
	require.ErrorContains(t, s.GrantRights(t.Context()), "did not take the rights")
	require.NoError(t, s.Process("sentinel-2").Terminate(t.Context()))
	require.ErrorContains(t, s.GrantRights(t.Context()), "granting the rights on sentinel-2")
}
