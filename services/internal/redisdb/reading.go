package redisdb

import (
	"context"
	"time"
)

// Reading says how strong the reads under a context are, and who wants to know
// what came of them. The zero Reading reads from replicas within the bound.
type Reading struct {
	// Strong reads ride in a commit group: they see every acknowledged write.
	Strong bool
	// Reader says for whom strong reads are made, Caller which of them it is: a user's id
	// or an address. The zero Reader is the shop itself.
	Reader Reader
	Caller string
	// Allow is asked before each strong read; its error is the read's answer.
	Allow func() error
	// AtLeast is the commit number that a read has to have seen, 0 for none.
	AtLeast int64
	// OfWrite says that the request is a write. Its script compares the history, so its reads leave that out, which saves a
	// command in each order.
	OfWrite bool
	// Wrote is told the number of each commit under the context.
	Wrote func(seq int64)
	// Stale is told the age of an answer that is older than the bound, which
	// happens only while there is no primary.
	Stale func(age time.Duration)
}

type readingKey struct{}

// WithReading makes the reads under the context as r says.
func WithReading(ctx context.Context, r Reading) context.Context {
	return context.WithValue(ctx, readingKey{}, r)
}

// FromPrimary makes the reads under the context strong, whatever they were. They are
// the shop's own: what a write or a log-in has to know.
func FromPrimary(ctx context.Context) context.Context {
	r := readingOf(ctx)
	r.Strong, r.Reader, r.Caller, r.Allow = true, ReaderShop, "", nil
	return WithReading(ctx, r)
}

// Strong reports whether the reads under the context are strong.
func Strong(ctx context.Context) bool { return readingOf(ctx).Strong }

// FromReplica makes the reads under the context ordinary ones that tell nobody how old
// they are: for what is only a guide.
func FromReplica(ctx context.Context) context.Context {
	return WithReading(ctx, Reading{})
}

// Untold is for a commit that may turn out to be only a question: nobody is told of it.
// Tell does so afterwards.
func Untold(ctx context.Context) context.Context {
	r := readingOf(ctx)
	r.Wrote = nil
	return WithReading(ctx, r)
}

// Tell tells the context's Wrote of a commit that was made under Untold.
func Tell(ctx context.Context, result Result) { readingOf(ctx).wrote(result.Seq) }

// ForReader has the reads under the context made for a caller whose strong reads have
// no limit but the places of its Reader.
func ForReader(ctx context.Context, reader Reader, caller string) context.Context {
	r := readingOf(ctx)
	r.Reader, r.Caller, r.Allow = reader, caller, nil
	return WithReading(ctx, r)
}

func readingOf(ctx context.Context) Reading {
	r, _ := ctx.Value(readingKey{}).(Reading)
	return r
}

func (r Reading) wrote(seq int64) {
	if r.Wrote != nil {
		r.Wrote(seq)
	}
}

func (r Reading) stale(age time.Duration) {
	if r.Stale != nil {
		r.Stale(age)
	}
}
