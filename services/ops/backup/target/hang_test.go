package target

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAStoreThatHangsFailsWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(over) })
	store, err := OpenS3(
		strings.Replace(server.URL, "http://", "s3+http://", 1)+"/shop?region=us-east-1",
		Credentials{AccessKey: "a", SecretKey: "b"},
	)
	require.NoError(t, err)
	deadline := func(bytes int64) time.Duration {
		ctx, cancel := store.within(t.Context(), bytes)
		defer cancel()
		at, _ := ctx.Deadline()
		return time.Until(at)
	}
	require.InDelta(t, time.Minute, deadline(0), float64(time.Second))
	require.InDelta(t, time.Minute+512*time.Second, deadline(32<<20), float64(time.Second), "more bytes have more time")

	store.patience = 50 * time.Millisecond
	require.ErrorIs(t, store.Put(t.Context(), "a", strings.NewReader("text"), 4), context.DeadlineExceeded)
	require.ErrorIs(t, store.Delete(t.Context(), "a"), context.DeadlineExceeded)
}
