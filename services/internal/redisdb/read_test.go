package redisdb

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/texttest"
)

func faultIs(err, target error) bool { return errors.Is(err, target) }

func lastWord(s string) string {
	words := strings.Fields(s)
	return words[len(words)-1]
}

// calls counts how often a node was asked for a command.
func calls(t *testing.T, node, command string) string {
	t.Helper()
	stats, err := nodes.Redis(t.Context(), node, "INFO", "commandstats")
	require.NoError(t, err)
	for _, line := range strings.Split(stats, "\n") {
		if value, found := strings.CutPrefix(line, "cmdstat_"+command+":calls="); found {
			count, _, _ := strings.Cut(value, ",")
			return count
		}
	}
	return "0"
}

func TestReadsGoToReplicasAndWithNoCacheToThePrimary(t *testing.T) {
	db, key := open(t, generous), unique("hash")
	ask(t, "HSET", key, "field", "value")
	ask(t, "WAIT", "2", "1000")
	primary, err := nodes.Primary(t.Context())
	require.NoError(t, err)

	before := calls(t, primary, "hmget")
	for range 20 {
		fields, err := db.Hash(t.Context(), key, "field", "missing")
		require.NoError(t, err)
		require.Equal(t, Fields{"field": "value"}, fields)
	}
	require.Equal(t, before, calls(t, primary, "hmget"))

	fields, err := db.Hash(FromPrimary(t.Context()), key, "field")
	require.NoError(t, err)
	require.Equal(t, Fields{"field": "value"}, fields)
	require.NotEqual(t, before, calls(t, primary, "hmget"))
}

func TestWhatAReplicaMissesThePrimaryIsAskedFor(t *testing.T) {
	db, key := open(t, generous), unique("hash")
	replicas := eachReplica(t)
	for _, replica := range replicas {
		_, err := nodes.Redis(t.Context(), replica.Name(), "REPLICAOF", "NO", "ONE") // cut off, and still answering
		require.NoError(t, err)
	}
	ask(t, "CONFIG", "SET", "min-replicas-to-write", "0")
	ask(t, "HSET", key, "field", "value")
	ask(t, "SET", key+":text", "value")
	fields, err := db.Hash(t.Context(), key, "field")
	require.NoError(t, err)
	require.Equal(t, Fields{"field": "value"}, fields)
	text, err := db.Value(t.Context(), key+":text")
	require.NoError(t, err)
	require.Equal(t, "value", text)

	ask(t, "CONFIG", "SET", "min-replicas-to-write", "1")
	for _, replica := range replicas {
		follow(t, replica.Name(), nodes.Process(mustPrimary(t)).Addr())
	}
}

// follow makes a node a replica of the one at address again.
func follow(t *testing.T, node, address string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	_, err = nodes.Redis(t.Context(), node, "REPLICAOF", host, port)
	require.NoError(t, err)
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
}

func mustPrimary(t *testing.T) string {
	t.Helper()
	name, err := nodes.Primary(t.Context())
	require.NoError(t, err)
	return name
}

func TestReadsGoOnWithoutReplicas(t *testing.T) {
	db, key := open(t, generous), unique("hash")
	ask(t, "HSET", key, "field", "value")
	replicas := eachReplica(t)
	for _, replica := range replicas {
		require.NoError(t, replica.Kill())
	}
	for range 20 {
		fields, err := db.Hash(t.Context(), key, "field")
		require.NoError(t, err)
		require.Equal(t, Fields{"field": "value"}, fields)
	}
	for _, replica := range replicas {
		require.NoError(t, replica.Restart(t.Context()))
	}
	require.NoError(t, nodes.AwaitHealthy(t.Context()))
}

func TestIDsAreListedNewestFirst(t *testing.T) {
	db, key := open(t, generous), unique("list")
	for i := range 5 {
		ask(t, "ZADD", key, "0", fmt.Sprint("id-", i))
	}
	ctx := FromPrimary(t.Context())
	ids, err := db.Newest(ctx, key, "", 2)
	require.NoError(t, err)
	require.Equal(t, []string{"id-4", "id-3"}, ids)
	ids, err = db.Newest(ctx, key, "id-3", 9)
	require.NoError(t, err)
	require.Equal(t, []string{"id-2", "id-1", "id-0"}, ids)
}

func TestAnIDIsInAllListsOrNot(t *testing.T) {
	db, one, two := open(t, generous), unique("list"), unique("list")
	for _, id := range []string{"a", "b", "c"} {
		ask(t, "ZADD", one, "0", id)
	}
	ask(t, "ZADD", two, "0", "b")
	ctx := FromPrimary(t.Context())
	for _, row := range []struct {
		keys []string
		want []bool
	}{
		{nil, []bool{true, true, true}},
		{[]string{one}, []bool{true, true, false}},
		{[]string{one, two}, []bool{false, true, false}},
		{[]string{one, unique("no list")}, []bool{false, false, false}},
	} {
		in, err := db.InAll(ctx, row.keys, []string{"a", "b", "x"})
		require.NoError(t, err)
		require.Equal(t, row.want, in)
	}
	in, err := db.InAll(ctx, []string{one}, nil)
	require.NoError(t, err)
	require.Empty(t, in)
}

func TestARateGrantsAPeriodsWorthAndThenSaysHowLongToWait(t *testing.T) {
	db, subject := open(t, generous), unique("rate")
	for range 5 {
		wait, err := db.CountPerMinute(t.Context(), "test", subject, 5)
		require.NoError(t, err)
		require.Zero(t, wait)
	}
	wait, err := db.CountPerMinute(t.Context(), "test", subject, 5)
	require.NoError(t, err)
	require.InDelta(t, 12, wait.Seconds(), 1)
	wait, err = db.CountPerMinute(t.Context(), "another", subject, 5)
	require.NoError(t, err)
	require.Zero(t, wait, "something else of the same subject is counted by itself")
	wait, err = db.CountPerMinute(t.Context(), "test", unique("rate"), 5)
	require.NoError(t, err)
	require.Zero(t, wait, "another subject is counted by itself")
}

func TestARateKeepsNothingForLongerThanAPeriodAndNothingOfARefusal(t *testing.T) {
	db, subject := open(t, generous), unique("rate")
	kept := func() time.Duration {
		millis, err := strconv.Atoi(ask(t, "PTTL", KeyRate("test", subject)))
		require.NoError(t, err)
		return time.Duration(millis) * time.Millisecond
	}
	for i := range 3 {
		_, err := db.CountPerMinute(t.Context(), "test", subject, 3)
		require.NoError(t, err)
		require.InDelta(t, float64(20*(i+1)), kept().Seconds(), 5, "the time at which all of it is free again")
	}
	full := ask(t, "GET", KeyRate("test", subject))
	for range 3 {
		wait, err := db.CountPerMinute(t.Context(), "test", subject, 3)
		require.NoError(t, err)
		require.Positive(t, wait)
	}
	require.Equal(t, full, ask(t, "GET", KeyRate("test", subject)), "asking in vain makes nobody wait longer")
}

func TestARateGrantsAgainWhatTimeHasBroughtBackAndNoMore(t *testing.T) {
	db, subject := open(t, generous), unique("rate")
	const perMinute = 300 // one each 0.2 s
	begun, granted, refused := time.Now(), 0, time.Time{}
	for refused.IsZero() || time.Since(refused) < 2*time.Second {
		wait, err := db.CountPerMinute(t.Context(), "test", subject, perMinute)
		require.NoError(t, err)
		require.LessOrEqual(t, wait, time.Minute/perMinute+time.Millisecond)
		switch {
		case wait == 0:
			granted++
		case refused.IsZero():
			refused = time.Now()
		}
	}
	want := perMinute + perMinute*time.Since(begun).Minutes()
	require.InDelta(t, want, float64(granted), 2, "a period's worth, then the rate")
}

func TestReplicasThatShareTheLoadAreCountedWhileTheyLive(t *testing.T) {
	ask(t, "DEL", KeyReplicas())
	one := open(t, generous)
	require.Eventually(t, func() bool { return one.Replicas() == 1 }, 5*time.Second, 10*time.Millisecond)
	t.Run("a second one", func(t *testing.T) {
		open(t, generous)
		require.Eventually(t, func() bool { return one.Replicas() == 2 }, 5*time.Second, 10*time.Millisecond)
	})
	require.Eventually(t, func() bool { return one.Replicas() == 1 }, 5*time.Second, 10*time.Millisecond)
}

func TestOnlyReplicasThatAreOnlineAndInTimeAreCounted(t *testing.T) {
	info := strings.Join([]string{
		"role:master", "connected_slaves:4",
		"slave0:ip=127.20.0.6,port=6379,state=online,offset=1,lag=0",
		"slave1:ip=127.20.0.7,port=6379,state=online,offset=1,lag=1",
		"slave2:ip=127.20.0.8,port=6379,state=online,offset=1,lag=2",
		"slave3:ip=127.20.0.9,port=6379,state=wait_bgsave,offset=0,lag=0",
	}, "\r\n")
	require.Equal(t, 2, onlineReplicas(infoFields(info)))
	require.Zero(t, onlineReplicas(infoFields("role:slave")))
}

type redisError string

func (e redisError) Error() string { return string(e) }
func (redisError) RedisError()     {}

var _ redis.Error = redisError("")

func TestErrorsAreSortedByWhatMayHaveBeenWritten(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for _, row := range []struct {
		err       error
		as        failure
		neverSent bool
		cause     string
	}{
		{redisError("NOREPLICAS Not enough good replicas to write."), refused, false, "noreplicas"},
		{redisError("OOM command not allowed when used memory > 'maxmemory'."), full, false, "oom"},
		{redisError("READONLY You can't write against a read only replica."), refused, false, "readonly"},
		{redisError("UNBLOCKED force unblock"), unknown, false, "unblocked"},
		{redisError("ERR max number of clients reached"), refused, false, "err"},
		{redisError("ERR Error running script"), failed, false, "err"},
		{io.EOF, unknown, false, "closed"},
		{errShort, unknown, false, "not-acknowledged"},
		{fmt.Errorf("wrapped: %w", dial), unknown, true, "no-connection"},
		{notSent{errNoPrimary}, unknown, true, "no-connection"},
		{errPromoted, unknown, false, "promotion"},
	} {
		require.Equal(t, row.as, classify(row.err), "%v", row.err)
		require.Equal(t, row.neverSent, neverSent(row.err), "%v", row.err)
		require.Equal(t, row.cause, cause(row.err), "%v", row.err)
	}
}

func TestEveryKeyBeginsWithTheShopsPrefix(t *testing.T) {
	for _, key := range []string{
		KeySchema(), KeyCommitSeq(), KeyEvents(), KeyReplicas(), KeyRequest("x"), KeyRequests("x", "y"), KeyRate("x", "y"), KeyUser("x"), KeyUserEmail("x"),
		KeyUsers(), KeySession("x"), KeyUserSessions("x"), KeyProduct("x"), KeyProductSKU("x"), KeyProductAdjustments("x"),
		KeyProducts(), KeyProductsBy("x", "y"), KeyPurchase("x"), KeyPurchaseRef("x"), KeyPurchases("x"), KeyAllPurchases(),
		KeyEndedPurchases(), KeyUserPurchases("x"), KeyReservations(),
	} {
		require.True(t, strings.HasPrefix(key, "evg:"), key)
	}
}

func TestAWriteIsAnEvent(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	_, err := db.Commit(t.Context(), counting(key, 9, idempotency.Request{ID: "request-7"}))
	require.NoError(t, err)
	texttest.Contains(t, ask(t, "XREVRANGE", KeyEvents(), "+", "-", "COUNT", "1"), "request-7")
}
