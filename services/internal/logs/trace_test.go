package logs_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/logs"
	"evergreen/services/internal/texttest"
)

// noEvents is a stream that was asked and has nothing.
func noEvents(context.Context, string, time.Time, time.Time) ([]logs.Entry, string, error) {
	return nil, "7 events at redis-1", nil
}

func trace(t *testing.T, dir, request string, events logs.Events) (string, error) {
	t.Helper()
	var out strings.Builder
	err := logs.Trace(t.Context(), dir, request, events, logs.NewPrinter(&out, func(string) string { return "" }))
	return out.String(), err
}

func apiLine(second int, id string) string {
	return fmt.Sprintf(`{"time":"2026-11-22T07:18:%02d.010Z","level":"INFO","msg":"request","request_id":"%s","duration_ms":5}`+"\n", second, id)
}

func TestARequestIsFoundInWhatWasPutAsideToo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	appendTo(t, filepath.Join(dir, "api-1.log.1"), apiLine(1, "other")+apiLine(2, "mine")+strings.Repeat("x", 1<<20)+"\n")
	appendTo(t, filepath.Join(dir, "api-1.log"), apiLine(30, "other"))
	appendTo(t, filepath.Join(dir, "nginx-a", "access.log.1"),
		`{"time":"2026-11-22T07:18:02.015Z","service":"nginx-a","request_id":"mine","status":200,"duration_s":0.010}`+"\n")
	appendTo(t, filepath.Join(dir, "redis-1.log"), "somebody says mine\n")
	var from, to time.Time
	out, err := trace(t, dir, "mine", func(_ context.Context, _ string, a, b time.Time) ([]logs.Entry, string, error) {
		from, to = a, b
		return []logs.Entry{{Instance: "event", Time: time.Date(2026, 11, 22, 7, 18, 2, 7e6, time.UTC), Text: "purchase.pending"}}, "1 event", nil
	})
	require.NoError(t, err)
	texttest.Matches(t, out, `(?s)^request mine, .*\n +\+0\.000 s nginx-a status=200 duration_s=0\.010\n +\+0\.000 s api-1 +request duration_ms=5\n +\+0\.002 s event +purchase\.pending\n$`)
	require.True(t, from.Before(time.Date(2026, 11, 22, 7, 18, 1, 0, time.UTC)) && to.After(time.Date(2026, 11, 22, 7, 18, 4, 0, time.UTC)),
		"its events are looked for around its lines")
}

func TestARequestThatNobodyKnowsIsSaidToBeUnknownAndWhereItWasLookedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	appendTo(t, filepath.Join(dir, "api-1.log"), apiLine(1, "another"))
	_, err := trace(t, dir, "mine", noEvents)
	require.ErrorIs(t, err, logs.ErrNothingFound)
	require.ErrorContains(t, err, "nothing was found about the request mine")
	require.ErrorContains(t, err, filepath.Join(dir, "api-1.log")+", from 2026-11-22")
	require.ErrorContains(t, err, "7 events at redis-1")
	_, err = trace(t, dir, "anothe", noEvents)
	require.ErrorIs(t, err, logs.ErrNothingFound, "a part of an id is another id")
	_, err = trace(t, dir, "two words", noEvents)
	require.ErrorContains(t, err, "cannot be a request's id")
	_, err = trace(t, t.TempDir(), "mine", noEvents)
	require.ErrorContains(t, err, "no log file at all")
}

func TestWithoutRedisTheLogsAreShownAllTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	appendTo(t, filepath.Join(dir, "api-1.log"), apiLine(1, "mine"))
	deaf := func(context.Context, string, time.Time, time.Time) ([]logs.Entry, string, error) {
		return nil, "", errors.New("no primary answers")
	}
	out, err := trace(t, dir, "mine", deaf)
	require.NoError(t, err)
	texttest.Contains(t, out, "its events could not be looked for: no primary answers")
	out, err = trace(t, dir, "mine", noEvents)
	require.NoError(t, err)
	texttest.Contains(t, out, "it has left no event (7 events at redis-1)")
	_, err = trace(t, dir, "yours", deaf)
	require.ErrorContains(t, err, "the events, which could not be asked: no primary answers")
}
