package redisdb

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

// keyed is a request that a signed-in client has given a key.
func keyed(record, caller string) idempotency.Request {
	r := byClient(record)
	r.ByClient, r.Caller = true, caller
	return r
}

// echoScript answers and remembers its arguments.
var echoScript = NewScript("test.echo", "return finish(0, args)")

// whatIsKept decodes a record at a key, or a field of it.
func whatIsKept(t *testing.T, key, field string) string {
	t.Helper()
	return ask(t, "EVAL", `local v
if ARGV[1] == '' then v = redis.call('GET', KEYS[1]) else v = redis.call('HGET', KEYS[1], ARGV[1]) end
return v and cjson.encode(cmsgpack.unpack(v)) or 'nothing'`, "1", key, field)
}

// bucketOf is a caller's bucket of the day that began so many days ago.
func bucketOf(t *testing.T, caller string, daysAgo int64) string {
	t.Helper()
	seconds, err := strconv.ParseInt(strings.Fields(ask(t, "TIME"))[0], 10, 64)
	require.NoError(t, err)
	return KeyRequests(caller, strconv.FormatInt(seconds/86400-daysAgo, 10))
}

// again commits twice, and demands that the second answer is the first one and that
// nothing was done for it.
func again(t *testing.T, db *DB, key string, cmd Command, first Result) {
	t.Helper()
	before := ask(t, "GET", key)
	result, err := db.Commit(t.Context(), cmd)
	require.NoError(t, err)
	require.True(t, result.Replayed)
	require.True(t, result.Own, "it is the same HTTP request")
	require.Equal(t, first.Values, result.Values)
	require.Equal(t, first.Code, result.Code)
	require.Equal(t, before, ask(t, "GET", key))
}

func TestBeforeLayout2AnOutcomeIsRememberedAsTheReleaseBeforeReadsIt(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	defer noLayout(t)
	for _, layout := range []string{"none", "1"} {
		if layout == "1" {
			putInForce(t, 1)
		}
		name := key + layout
		_, err := db.Commit(t.Context(), counting(name, 9, keyed(name, "ann")))
		require.NoError(t, err)
		require.Equal(t, `["f",0,["1"],"id"]`, whatIsKept(t, KeyRequest(name), ""))
		require.Equal(t, "0", ask(t, "EXISTS", bucketOf(t, "ann", 0)))
	}
}

func TestFromLayout2OnAnOutcomeIsCompactAndInItsCallersBucketOfTheDay(t *testing.T) {
	db, key, caller := open(t, generous), unique("counter"), rand.Text()
	defer noLayout(t)
	putInForce(t, 2)
	r := keyed(key, caller)
	first, err := db.Commit(t.Context(), counting(key, 9, r))
	require.NoError(t, err)
	bucket := bucketOf(t, caller, 0)
	require.Equal(t, "nothing", whatIsKept(t, KeyRequest(key), ""))
	kept := ask(t, "EVAL", `local r = cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1]))
return { #r, r[1], r[2] == ARGV[2] and 'its stamp' or 'another', r[3], r[4] }`, "1", bucket, r.Field(), r.Stamp())
	require.Equal(t, []string{"4", "2", "its", "stamp", "0", "1"}, strings.Fields(kept))
	again(t, db, key, counting(key, 9, r), first)
	requireEndOfDayAfter(t, bucket)

	ask(t, "PEXPIRE", bucket, "5000000")
	other := keyed(key+"other", caller)
	_, err = db.Commit(t.Context(), counting(key, 9, other))
	require.NoError(t, err)
	require.Equal(t, "2", ask(t, "HLEN", bucket))
	left, err := strconv.Atoi(ask(t, "PTTL", bucket))
	require.NoError(t, err)
	require.LessOrEqual(t, left, 5_000_000, "the bucket's end is set once")
}

// requireEndOfDayAfter demands that today's bucket ends 48 hours after the day began.
func requireEndOfDayAfter(t *testing.T, bucket string) {
	t.Helper()
	words := strings.Split(bucket, ":")
	day, err := strconv.ParseInt(words[len(words)-1], 10, 64)
	require.NoError(t, err)
	ends, err := strconv.ParseInt(ask(t, "PEXPIRETIME", bucket), 10, 64)
	require.NoError(t, err)
	require.InDelta(t, (day+2)*86_400_000, ends, 100, "by the milliseconds that the script ran")
}

func TestFromLayout2OnWhatFitsNoBucketHasAKeyOfItsOwn(t *testing.T) {
	db, caller := open(t, generous), rand.Text()
	defer noLayout(t)
	putInForce(t, 2)
	long := strings.Repeat("x", 60)
	own := keyed(unique("own"), "")
	own.TTL = idempotency.OwnTTL
	for name, row := range map[string]struct {
		request idempotency.Request
		value   string
		ttl     time.Duration
	}{
		"too large for a bucket":          {keyed(unique("large"), caller), long, idempotency.KeyTTL},
		"of a caller who is not known":    {keyed(unique("unknown"), ""), "x", idempotency.KeyTTL},
		"under an id of our own":          {own, "x", idempotency.OwnTTL},
		"too large, under our own id":     {func() idempotency.Request { r := own; r.Record += "2"; return r }(), long, idempotency.OwnTTL},
		"too large, of an unknown caller": {keyed(unique("both"), ""), long, idempotency.KeyTTL},
	} {
		cmd := echoScript.Command(row.request, "", nil, row.value)
		first, err := db.Commit(t.Context(), cmd)
		require.NoError(t, err, name)
		key := KeyRequest(row.request.Record)
		require.Equal(t, "2", ask(t, "EVAL", "return cmsgpack.unpack(redis.call('GET', KEYS[1]))[1]", "1", key), name)
		left, err := strconv.ParseInt(ask(t, "PTTL", key), 10, 64)
		require.NoError(t, err)
		require.InDelta(t, row.ttl.Milliseconds(), left, 10_000, name)
		again(t, db, key+":none", cmd, first)
	}
	require.Equal(t, "0", ask(t, "EXISTS", bucketOf(t, caller, 0)))
}

// What was remembered before the change is answered after it, from where it is.
func TestOutcomesFromBeforeLayout2AreAnsweredUnderIt(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	defer noLayout(t)
	putInForce(t, 1)
	effect, refused := keyed(key+":effect", "ann"), keyed(key+":refusal", "ann")
	done, err := db.Commit(t.Context(), counting(key, 1, effect))
	require.NoError(t, err)
	denied, err := db.Commit(t.Context(), counting(key, 1, refused))
	require.NoError(t, err)
	require.Equal(t, 1, denied.Code)

	putInForce(t, 2)
	again(t, db, key, counting(key, 99, effect), done)
	again(t, db, key, counting(key, 99, refused), denied)
	effect.ID = "another one"
	result, err := db.Commit(t.Context(), counting(key, 99, effect))
	require.NoError(t, err)
	require.False(t, result.Own)
	effect.Fingerprint = "another"
	_, err = db.Commit(t.Context(), counting(key, 99, effect))
	require.ErrorIs(t, err, ErrKeyReused)
}

func TestACompactOutcomeKnowsItsBodyAndItsHTTPRequest(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	defer noLayout(t)
	putInForce(t, 2)
	for _, caller := range []string{"", rand.Text()} {
		for _, limit := range []int{99, 0} { // an effect, a refusal
			r := keyed(unique("request"), caller)
			first, err := db.Commit(t.Context(), counting(key, limit, r))
			require.NoError(t, err)
			require.True(t, first.Own)
			again(t, db, key, counting(key, 99, r), first)
			other := r
			other.ID = "another one"
			result, err := db.Commit(t.Context(), counting(key, 99, other))
			require.NoError(t, err)
			require.True(t, result.Replayed)
			require.False(t, result.Own)
			other.Fingerprint = "another"
			_, err = db.Commit(t.Context(), counting(key, 99, other))
			require.ErrorIs(t, err, ErrKeyReused)
		}
	}
}

func TestAValueComesBackFromACompactRecordAsItWas(t *testing.T) {
	db := open(t, generous)
	defer noLayout(t)
	putInForce(t, 2)
	for _, value := range []string{
		"", "0", "1", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "1e3", "127", "128", "65536", "4294967296", "1795836000123", "999999999999999",
		"9007199254740993", "1000000000000000", "99999999999999999999", "nil", "é", "\x00\xff", "2026-11-28T03:17:58.123Z",
		"0193f0a0-1b2c-7d3e-8f40-0123456789ab", "ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000000",
		"0193F0A0-1B2C-7D3E-8F40-0123456789AB", "0193f0a0-1b2c-7d3e-8f40-0123456789ag", "0193f0a0x1b2c-7d3e-8f40-0123456789ab",
		strings.Repeat("7", 36), strings.Repeat("long", 100),
	} {
		for _, caller := range []string{"", rand.Text()} {
			cmd := echoScript.Command(keyed(unique("value"), caller), "", nil, value, "the next")
			for range 2 {
				result, err := db.Commit(t.Context(), cmd)
				require.NoError(t, err)
				require.Equal(t, []string{value, "the next"}, result.Values)
			}
		}
	}
}

// at is the counting script at another time, by a clock of its own.
func at(now time.Time) *Script {
	clock := fmt.Sprintf("{ '%d', '%d' }", now.Unix(), now.Nanosecond()/1000)
	before, after, found := strings.Cut(prelude, "call('TIME')")
	if !found {
		panic("prelude.lua asks for the time in another way")
	}
	return newScript("test.count", noFlags, "local sparing = false\n"+before+clock+after+countBody)
}

func TestAKeyHasOneOutcomeAcrossMidnightForADayAndAtMostTwo(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	defer noLayout(t)
	putInForce(t, 2)
	midnight := time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	before, after := midnight.Add(-time.Millisecond), midnight.Add(time.Millisecond)
	for _, row := range []struct {
		name        string
		first, then time.Time
		replayed    bool
	}{
		{"on the same day", midnight.Add(time.Hour), midnight.Add(23 * time.Hour), true},
		{"a moment later, on the next day", before, after, true},
		{"23 h 59 min later, on the next day", before, before.Add(24*time.Hour - time.Minute), true},
		{"as long as a bucket lasts", midnight, midnight.Add(48*time.Hour - time.Millisecond), true},
		{"later than that", midnight, midnight.Add(48 * time.Hour), false},
		{"a moment before, by a slower clock", after, before, true},
		{"9 minutes before, by a slower clock", after, midnight.Add(-9 * time.Minute), true},
	} {
		r := keyed(unique("request"), rand.Text())
		one := at(row.first).Command(r, "", []string{key}, 99)
		first, err := db.Commit(t.Context(), one)
		require.NoError(t, err, row.name)
		count := ask(t, "GET", key)
		result, err := db.Commit(t.Context(), at(row.then).Command(r, "", []string{key}, 99))
		require.NoError(t, err, row.name)
		require.Equal(t, row.replayed, result.Replayed, row.name)
		require.Equal(t, row.replayed, count == ask(t, "GET", key), row.name)
		if row.replayed {
			require.Equal(t, first.Values, result.Values, row.name)
		}
	}
}

// Yesterday's bucket is made by hand, and Redis's own clock counts.
func TestTheOutcomeInYesterdaysBucketIsAnswered(t *testing.T) {
	db, key, caller := open(t, generous), unique("counter"), rand.Text()
	defer noLayout(t)
	putInForce(t, 2)
	cmd := counting(key, 9, keyed(key, caller))
	first, err := db.Commit(t.Context(), cmd)
	require.NoError(t, err)
	ask(t, "RENAME", bucketOf(t, caller, 0), bucketOf(t, caller, 1))
	again(t, db, key, cmd, first)
	require.Equal(t, "0", ask(t, "EXISTS", bucketOf(t, caller, 0)))
}

func TestABucketHoldsMoreThanRedisPacks(t *testing.T) {
	db, key, caller := open(t, generous), unique("counter"), rand.Text()
	defer noLayout(t)
	putInForce(t, 2)
	const many = 600
	for round := range 2 {
		for i := range many {
			result, err := db.Commit(t.Context(), counting(key, many, keyed(key+number(i), caller)))
			require.NoError(t, err)
			require.Equal(t, []string{number(i + 1)}, result.Values)
			require.Equal(t, round == 1, result.Replayed)
		}
	}
	require.Equal(t, number(many), ask(t, "HLEN", bucketOf(t, caller, 0)))
	require.Equal(t, "hashtable", ask(t, "OBJECT", "ENCODING", bucketOf(t, caller, 0)))
	require.Equal(t, number(many), ask(t, "GET", key))
}

// pack makes a record by hand, of what a later version may write.
func pack(t *testing.T, key, lua string) {
	t.Helper()
	ask(t, "EVAL", "redis.call('SET', KEYS[1], "+lua+")", "1", key)
}

func TestAnOutcomeInAFormThatIsNotKnownIsUnknownAndNothingRuns(t *testing.T) {
	db := open(t, generous)
	defer noLayout(t)
	for name, lua := range map[string]string{
		"form 3":                     "cmsgpack.pack({ 3, 'f', 0 })",
		"form 2 and a half":          "cmsgpack.pack({ 2.5, 'f', 0 })",
		"a map":                      "cmsgpack.pack({ a = 1 })",
		"an empty array":             "cmsgpack.pack({})",
		"a number":                   "cmsgpack.pack(7)",
		"a text that is no record":   "'hello'",
		"an empty text":              "''",
		"a record that was cut":      "string.sub(cmsgpack.pack({ 2, 'abcdefghijkl', 0, 'value' }), 1, -3)",
		"a record with more to come": "cmsgpack.pack({ 2, 'abcdefghijkl', 0 }) .. '\\1'",
	} {
		for _, layout := range []int{1, 2} {
			putInForce(t, layout)
			key := unique("counter")
			pack(t, KeyRequest(key), lua)
			_, err := db.Commit(t.Context(), counting(key, 9, keyed(key, "ann")))
			require.ErrorIs(t, err, ErrOutcomeUnknown, "%s, layout %d", name, layout)
			require.ErrorContains(t, err, "which this version cannot read", name)
			require.Empty(t, ask(t, "GET", key), name)
		}
	}
}

func TestARefusalMayHaveAName(t *testing.T) {
	db, key := open(t, generous), unique("counter")
	for form, record := range map[string]string{
		"1": "cmsgpack.pack({ 'f', 'insufficient-stock', { 'a', '3' }, 'id' })",
		"2": "cmsgpack.pack({ 2, ARGV[1], 'insufficient-stock', 'a', 3 })",
	} {
		r := keyed(key+form, "ann")
		ask(t, "EVAL", "redis.call('SET', KEYS[1], "+record+")", "1", KeyRequest(r.Record), r.Stamp())
		result, err := db.Commit(t.Context(), counting(key, 9, r))
		require.NoError(t, err, form)
		require.Equal(t, Named, result.Code, form)
		require.Equal(t, "insufficient-stock", result.Refusal, form)
		require.Equal(t, []string{"a", "3"}, result.Values, form)
		require.True(t, result.Replayed, form)
		require.ErrorIs(t, result.Unread("a script"), ErrOutcomeUnknown, "one whose name the caller does not know")
	}
	require.Empty(t, ask(t, "GET", key))

	refuse := NewScript("test.named", "return finish('sold-out', { '7' })")
	for range 2 {
		result, err := db.Commit(t.Context(), refuse.Command(keyed(key, "ann"), "", nil))
		require.NoError(t, err)
		require.Equal(t, "sold-out", result.Refusal)
		require.Equal(t, []string{"7"}, result.Values)
	}
	require.NotErrorIs(t, Result{Code: 77}.Unread("a script"), ErrOutcomeUnknown, "a first run's unknown code is a defect")
}
