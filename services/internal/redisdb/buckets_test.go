package redisdb

import (
	"crypto/rand"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/idempotency"
)

// refuseMany has a caller refused n times, each under a key of its own.
func refuseMany(t *testing.T, db *DB, caller string, n int) []idempotency.Request {
	t.Helper()
	requests := make([]idempotency.Request, n)
	var group sync.WaitGroup
	for i := range requests {
		requests[i] = keyed(rand.Text(), caller)
		if caller == "" {
			requests[i].Caller = ""
		}
	}
	for worker := range 50 {
		group.Go(func() {
			for i := worker; i < n; i += 50 {
				if result, err := db.Commit(t.Context(), counting("evg:test:none", 0, requests[i])); err != nil || result.Code != 1 {
					t.Errorf("%v, %v", result, err)
				}
			}
		})
	}
	group.Wait()
	return requests
}

// bytesOf is what keys take in Redis, with their share of the table of keys.
func bytesOf(t *testing.T, keys []string) (bytes int) {
	t.Helper()
	for _, key := range keys {
		if size, err := strconv.Atoi(ask(t, "MEMORY", "USAGE", key)); err == nil {
			bytes += size
		}
	}
	return bytes
}

// partsOf are the keys of a caller's bucket of today and of its parts.
func partsOf(t *testing.T, caller string) []string {
	t.Helper()
	bucket := bucketOf(t, caller, 0)
	keys := []string{bucket}
	for i := range 32 {
		keys = append(keys, bucket+":"+number(i))
	}
	return keys
}

func TestAFullBucketHasPartsAndEachOutcomeIsFoundInThem(t *testing.T) {
	db, caller := open(t, generous), rand.Text()
	defer noLayout(t)
	putInForce(t, 3)
	const n = 2000
	requests := refuseMany(t, db, caller, n)
	if t.Failed() {
		return
	}
	keys, records := partsOf(t, caller), 0
	for _, key := range keys {
		require.Equal(t, "listpack", ask(t, "OBJECT", "ENCODING", key), key)
		fields, err := strconv.Atoi(ask(t, "HLEN", key))
		require.NoError(t, err)
		records += fields
		ttl, err := strconv.Atoi(ask(t, "PTTL", key))
		require.NoError(t, err)
		require.Positive(t, ttl, "it ends")
	}
	require.Equal(t, n+1, records, "each outcome once, and the mark")
	require.Equal(t, "512", ask(t, "HLEN", keys[0]))
	var group sync.WaitGroup
	for worker := range 50 {
		group.Go(func() {
			for i := worker; i < n; i += 50 {
				result, err := db.Commit(t.Context(), counting("evg:test:none", 99, requests[i]))
				if err != nil || !result.Replayed || result.Code != 1 {
					t.Errorf("%v, %v", result, err)
				}
			}
		})
	}
	group.Wait()
	each := bytesOf(t, keys) / n
	t.Logf("%d bytes for each of %d remembered refusals of one caller", each, n)
	require.LessOrEqual(t, each, 50)
}

func TestBeforeLayout3ABucketHasNoParts(t *testing.T) {
	db, caller := open(t, generous), rand.Text()
	defer noLayout(t)
	putInForce(t, 2)
	const n = 600
	refuseMany(t, db, caller, n)
	require.Equal(t, number(n), ask(t, "HLEN", bucketOf(t, caller, 0)), "the release before looks nowhere else")
}

// The figure of docs/capacity.md: a packed refusal beside one in a key of its own.
func TestARememberedRefusalTakesAFewDozenBytesPackedAndThreeTimesAsManyAlone(t *testing.T) {
	db, caller := open(t, generous), rand.Text()
	defer noLayout(t)
	putInForce(t, 3)
	const n = 500
	refuseMany(t, db, caller, n)
	packed := bytesOf(t, partsOf(t, caller)) / n
	var alone []string
	for _, r := range refuseMany(t, db, "", n) {
		alone = append(alone, KeyRequest(r.Record))
	}
	own := bytesOf(t, alone) / n
	t.Logf("a remembered refusal takes %d bytes packed, and %d in a key of its own", packed, own)
	require.LessOrEqual(t, packed, 50)
	require.LessOrEqual(t, own, 170)
	require.Greater(t, own, 2*packed)
	require.NotEmpty(t, strings.TrimSpace(ask(t, "GET", alone[0])))
}
