package redisdb

import (
	"context"
	"crypto/rand"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

// freeScript deletes a counter: something that frees memory, once.
var freeScript = NewFreeingScript("test.free", `
if redis.call('DEL', keys[1]) == 0 then return finish('gone') end
emit('test.freed', 'x', 1)
return finish(0)`)

func freeing(key string, r idempotency.Request) Command {
	return freeScript.Command(r, "tester", []string{key})
}

// fill leaves the primary no memory for writes that make the data larger, and gives what ends that.
func fill(t *testing.T) (empty func()) {
	t.Helper()
	before := lastWord(ask(t, "CONFIG", "GET", "maxmemory"))
	empty = func() { ask(t, "CONFIG", "SET", "maxmemory", before) }
	ask(t, "CONFIG", "SET", "maxmemory", "1mb")
	return empty
}

// asCustomer is a context whose commits may not use the reserve.
func asCustomer(t *testing.T) context.Context {
	t.Helper()
	return WithReserve(t.Context(), func() bool { return false })
}

func TestAtMaxmemoryARetryGetsItsOutcomeAndWhatIsNewIsRefusedAtOnce(t *testing.T) {
	db := open(t, generous)
	defer noLayout(t)
	putInForce(t, Layout)
	commands := map[string]Command{}
	for name, r := range map[string]idempotency.Request{"in a bucket": keyed(unique("r"), rand.Text()),
		"in a key of its own": request(unique("r"))} {
		commands[name] = counting(unique("counter"), 9, r)
	}
	for _, cmd := range commands {
		_, err := db.Commit(t.Context(), cmd)
		require.NoError(t, err)
	}
	defer fill(t)()
	for name, cmd := range commands {
		again(t, db, cmd.Keys[0], cmd, Result{Values: []string{"1"}})
		other := cmd.Request
		other.Fingerprint = "another body"
		_, err := db.Commit(t.Context(), counting(cmd.Keys[0], 9, other))
		require.ErrorIs(t, err, ErrKeyReused, name)
	}
	for _, r := range []idempotency.Request{request(unique("r")), keyed(unique("r"), rand.Text()), {}} {
		begun, key := time.Now(), unique("counter")
		_, err := db.Commit(t.Context(), counting(key, 9, r))
		require.ErrorIs(t, err, ErrFull)
		require.Less(t, time.Since(begun), time.Second)
		require.Equal(t, "0", ask(t, "EXISTS", key, KeyRequest(r.Record)))
	}
}

func TestAtMaxmemoryWhatFreesMemoryIsDoneOnceAndAcknowledged(t *testing.T) {
	db, key, r := open(t, generous), unique("counter"), request(unique("r"))
	ask(t, "SET", key, "1")
	defer fill(t)()
	for range 2 {
		result, err := db.Commit(t.Context(), freeing(key, r))
		require.NoError(t, err)
		require.Zero(t, result.Code)
		require.Positive(t, result.Seq)
	}
	require.Equal(t, "0", ask(t, "EXISTS", key))
	require.Equal(t, "1", ask(t, "EXISTS", KeyRequest(r.Record)))
}

func TestWhileMemoryIsShortAFreeingScriptStoresNoRefusal(t *testing.T) {
	db, key, r := open(t, generous), unique("counter"), request(unique("r"))
	empty := fill(t)
	defer empty()
	_, err := db.Commit(t.Context(), freeing(key, r))
	require.ErrorIs(t, err, ErrFull)
	require.Equal(t, "0", ask(t, "EXISTS", KeyRequest(r.Record)))
	empty()
	result, err := db.Commit(t.Context(), freeing(key, r))
	require.NoError(t, err)
	require.Equal(t, "gone", result.Refusal, "the same key has no outcome yet")
}

func TestAtMaxmemoryReadsInAGroupAreAnswered(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	ask(t, "SET", key, "kept")
	defer fill(t)()
	begun := time.Now()
	value, err := db.Value(FromPrimary(t.Context()), key)
	require.NoError(t, err)
	require.Equal(t, "kept", value)
	require.Less(t, time.Since(begun), time.Second)
}

func TestAtMaxmemoryTheHeartbeatGoesOnAndTheProbeSaysThatNothingCanBeSold(t *testing.T) {
	db := open(t, generous)
	require.Eventually(t, func() bool { sells, _ := db.saysItSells(t); return sells }, generous, 10*time.Millisecond)
	empty := fill(t)
	defer empty()
	require.Eventually(t, func() bool { sells, _ := db.saysItSells(t); return !sells }, generous, 10*time.Millisecond)
	beat, failures := ask(t, "GET", KeyHeartbeat()), db.probeCount(t, "failure")
	require.Eventually(t, func() bool { return db.probeCount(t, "failure") >= failures+3 }, generous, 10*time.Millisecond)
	require.NotEqual(t, beat, ask(t, "GET", KeyHeartbeat()))
	age, err := db.readNode(t.Context(), db.topology.now.Load().replicas[0], 0, noQuestion)
	require.NoError(t, err)
	require.Less(t, age, maxAge)
	empty()
	require.Eventually(t, func() bool { sells, _ := db.saysItSells(t); return sells }, generous, 10*time.Millisecond)
}

func TestAtMaxmemoryRatesAreCountedAndReplicasAreAlive(t *testing.T) {
	db := open(t, generous)
	defer fill(t)()
	subject := rand.Text()
	for range 2 {
		wait, err := db.CountPerMinute(t.Context(), "test", subject, 2)
		require.NoError(t, err)
		require.Zero(t, wait)
	}
	wait, err := db.CountPerMinute(t.Context(), "test", subject, 2)
	require.NoError(t, err)
	require.Positive(t, wait)
	ask(t, "DEL", KeyReplicas())
	require.Eventually(t, func() bool { return ask(t, "ZCARD", KeyReplicas()) == "1" }, generous, 10*time.Millisecond)
}

func TestAReplicaCanStartAtMaxmemory(t *testing.T) {
	db := open(t, generous)
	defer noLayout(t)
	putInForce(t, Layout)
	defer fill(t)()
	require.NoError(t, db.CheckSchema(t.Context()))
}

func TestAReserveOfMemoryIsKeptForAdmins(t *testing.T) {
	db := open(t, generous, func(db *DB) { db.settings.CustomerMemoryPercent = 50 })
	key, r := unique("counter"), keyed(unique("r"), rand.Text())
	defer noLayout(t)
	putInForce(t, Layout)
	before := lastWord(ask(t, "CONFIG", "GET", "maxmemory"))
	accepted, err := db.Commit(asCustomer(t), counting(key, 9, r))
	require.NoError(t, err)
	defer ask(t, "CONFIG", "SET", "maxmemory", before)
	used, err := strconv.Atoi(infoFields(ask(t, "INFO", "memory") + "\r\n")["used_memory"])
	require.NoError(t, err)
	ask(t, "CONFIG", "SET", "maxmemory", number(used*3/2))
	require.Eventually(t, func() bool { return db.Memory().Over(50) && !db.Memory().Over(100) }, generous, 10*time.Millisecond)

	again(t, db, key, counting(key, 9, r), accepted)
	_, err = db.Commit(asCustomer(t), counting(unique("counter"), 9, request(unique("r"))))
	require.ErrorIs(t, err, ErrFull)
	_, err = db.Commit(asCustomer(t), freeing(unique("counter"), request(unique("r"))))
	require.ErrorIs(t, err, ErrFull, "a refusal would have to be remembered")
	_, err = db.Commit(asCustomer(t), freeing(key, request(unique("r"))))
	require.NoError(t, err)
	for _, ctx := range []context.Context{t.Context(), WithReserve(t.Context(), func() bool { return true })} {
		_, err = db.Commit(ctx, counting(unique("counter"), 9, request(unique("r"))))
		require.NoError(t, err, "the shop itself and admins go on")
	}
	require.Eventually(t, func() bool { sells, there := db.saysItSells(t); return there && !sells }, generous, 10*time.Millisecond)

	ask(t, "CONFIG", "SET", "maxmemory", before)
	require.Eventually(t, func() bool {
		_, err := db.Commit(asCustomer(t), counting(unique("counter"), 9, request(unique("r"))))
		return err == nil
	}, generous, 10*time.Millisecond, "freed memory makes the shop sell again")
}
