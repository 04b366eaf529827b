package redisdb

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkWritesBesideStrongReads says what a flood of strong reads costs writes: 16 writers,
// each of which waits for its answer, beside 400 readers of 20 hashes. "among the writes" is
// how reads rode before they had a queue of their own.
//
//	go test -run - -bench WritesBeside -benchtime 4s -count 2 ./services/internal/redisdb
func BenchmarkWritesBesideStrongReads(b *testing.B) {
	for _, row := range []struct {
		name      string
		readers   int
		unbounded bool
	}{
		{"alone", 0, false},
		{"beside the queue of reads", 400, false},
		{"alone again", 0, false},
		{"with reads among the writes", 400, true},
	} {
		b.Run(row.name, func(b *testing.B) {
			db := open(b, generous)
			db.committer.reads.unbounded = row.unbounded
			ctx, stop := context.WithCancel(context.Background())
			var reads atomic.Int64
			var group sync.WaitGroup
			for i := range row.readers {
				group.Go(func() { readStrongly(ctx, db, fmt.Sprint("caller ", i), &reads) })
			}
			begun := time.Now()
			took := writeInTurn(b, db, 16)
			long := time.Since(begun)
			stop()
			group.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/long.Seconds(), "writes/s")
			b.ReportMetric(float64(reads.Load())/long.Seconds(), "reads/s")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// readStrongly reads 20 hashes again and again.
func readStrongly(ctx context.Context, db *DB, caller string, done *atomic.Int64) {
	keys := make([]string, 20)
	for i := range keys {
		keys[i] = KeyProduct(fmt.Sprint("bench-", i))
	}
	for ctx.Err() == nil {
		reading := WithReading(ctx, Reading{Strong: true, Reader: ReaderAnonymous, Caller: caller})
		if _, err := db.Hashes(reading, keys, "body", "stock"); err == nil {
			done.Add(1)
		}
	}
}

// writeInTurn makes b.N writes from so many writers, and gives what each took.
func writeInTurn(b *testing.B, db *DB, writers int) []time.Duration {
	b.Helper()
	var next atomic.Int64
	took := make([]time.Duration, b.N)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				begun := time.Now()
				if _, err := db.Commit(context.Background(), counts(unique("bench"), 1)[0]); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(begun)
			}
		})
	}
	group.Wait()
	return took
}
