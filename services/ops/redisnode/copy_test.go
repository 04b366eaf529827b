package redisnode_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/ops/backup/scratch"
	"evergreen/services/ops/redisnode"
)

func node(t *testing.T) *redisnode.Node {
	t.Helper()
	server, err := scratch.Empty(t.Context(), t.TempDir(), scratch.Limits{})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	return server.Node()
}

func TestACopyHasEveryKeyWithItsExpiryHoweverLargeItIs(t *testing.T) {
	t.Parallel()
	from, to := node(t), node(t)
	var commands []redisnode.Command
	for i := range 12_000 {
		text := fmt.Sprintf("%05d %s", i, strings.Repeat("x", 30))
		commands = append(commands, redisnode.Command{"ZADD", "large-zset", i % 7, text}, redisnode.Command{"HSET", "large-hash", text, i},
			redisnode.Command{"SADD", "large-set", text}, redisnode.Command{"XADD", "stream", fmt.Sprintf("%d-1", i+1), "n", text})
	}
	expires := time.Now().Add(time.Hour).UnixMilli()
	commands = append(commands, redisnode.Command{"PEXPIREAT", "large-hash", expires}, redisnode.Command{"SET", "small", "a\x00b"},
		redisnode.Command{"PEXPIREAT", "small", expires}, redisnode.Command{"SET", "left out", 1})
	require.NoError(t, from.Transaction(t.Context(), commands))
	_, err := to.Do(t.Context(), "ZADD", "large-zset", 1, "what was there before")
	require.NoError(t, err)

	skip := func(key string) bool { return key == "left out" }
	done, err := from.Copy(t.Context(), to, "*", skip, func(redisnode.Copied) error { return nil })
	require.NoError(t, err)
	require.EqualValues(t, 5, done.Keys)
	keys, err := to.Keys(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 5, keys)
	for _, question := range []redisnode.Command{
		{"ZRANGE", "large-zset", 0, -1, "WITHSCORES"}, {"SORT", "large-set", "ALPHA"}, {"PEXPIRETIME", "large-hash"}, {"GET", "small"},
		{"PEXPIRETIME", "small"}, {"XLEN", "stream"}, {"HLEN", "large-hash"}, {"XRANGE", "stream", "-", "+", "COUNT", 3},
	} {
		want, err := from.Do(t.Context(), question...)
		require.NoError(t, err)
		got, err := to.Do(t.Context(), question...)
		require.NoError(t, err)
		require.Equal(t, want, got, "%v", question)
	}
	want, err := from.Hash(t.Context(), "large-hash")
	require.NoError(t, err)
	got, err := to.Hash(t.Context(), "large-hash")
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestATransactionIsAllOrNothing(t *testing.T) {
	t.Parallel()
	n := node(t)
	err := n.Transaction(t.Context(), []redisnode.Command{{"SET", "a", 1}, {"NONSENSE", "b"}})
	require.ErrorContains(t, err, "EXECABORT")
	_, there, err := n.Get(t.Context(), "a")
	require.NoError(t, err)
	require.False(t, there)
	_, err = n.Do(t.Context(), "CONFIG", "SET", "min-replicas-to-write", 1)
	require.NoError(t, err)
	go func() {
		<-time.After(300 * time.Millisecond)
		_, _ = n.Do(t.Context(), "CONFIG", "SET", "min-replicas-to-write", 0)
	}()
	require.NoError(t, n.Transaction(t.Context(), []redisnode.Command{{"SET", "b", 1}}), "it waits while replicas are missing")
	err = n.Write(t.Context(), []redisnode.Command{{"SET", "a", 1}}, 1, 10*time.Millisecond)
	require.ErrorIs(t, err, redisnode.ErrBehind, "it has no replica")
	_, err = n.Do(t.Context(), "SET", "text", "x")
	require.NoError(t, err)
	_, err = n.Number(t.Context(), "text")
	require.ErrorContains(t, err, "whole number")
}

func TestBehindAFenceNothingIsWrittenOnceTheRightIsAnothers(t *testing.T) {
	t.Parallel()
	from, plain := node(t), node(t)
	_, err := plain.Do(t.Context(), "HSET", "lock", "id", "mine")
	require.NoError(t, err)
	fill := []redisnode.Command{{"SET", "small", "a\x00b"}}
	for i := range 12_000 {
		fill = append(fill, redisnode.Command{"HSET", "large", fmt.Sprintf("%05d %s", i, strings.Repeat("x", 30)), i})
	}
	require.NoError(t, from.Transaction(t.Context(), fill))
	fenced := plain.Fenced("lock", "id", "mine")
	copyAll := func() error {
		_, err := from.Copy(t.Context(), fenced, "*", func(string) bool { return false }, func(redisnode.Copied) error { return nil })
		return err
	}
	require.NoError(t, fenced.Transaction(t.Context(), []redisnode.Command{
		{"FLUSHALL", "ASYNC"}, {"SET", "a", 1}, {"HSET", "lock", "id", "mine"},
	}))
	require.NoError(t, copyAll())
	size, err := plain.Text(t.Context(), "HLEN", "large")
	require.NoError(t, err)
	require.Equal(t, "12000", size)
	small, _, err := plain.Get(t.Context(), "small")
	require.NoError(t, err)
	require.Equal(t, "a\x00b", small)

	_, err = plain.Do(t.Context(), "HSET", "lock", "id", "another's")
	require.NoError(t, err)
	_, err = plain.Do(t.Context(), "DEL", "small", "large")
	require.NoError(t, err)
	require.ErrorIs(t, copyAll(), redisnode.ErrFenced)
	require.ErrorIs(t, fenced.Transaction(t.Context(), []redisnode.Command{{"FLUSHALL"}}), redisnode.ErrFenced)
	require.ErrorIs(t, fenced.Write(t.Context(), []redisnode.Command{{"SET", "a", 2}}, 0, time.Second), redisnode.ErrFenced)
	keys, err := plain.Keys(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2, keys, "a and lock")
}
