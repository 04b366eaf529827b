package capacity

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// bucketBytes is what a key, or an entry of a large hash or sorted set, has besides what MEMORY USAGE counts: its place in the
// table, which is between half full and full.
const bucketBytes = 12

// shop is a real one, with a connection to its primary.
type shop struct {
	stack  *stack.Stack
	conn   *stack.Conn
	admin  *shoptest.Client
	anyone *shoptest.Client
}

// open starts a shop whose limits do not slow the test.
func open(t *testing.T) *shop {
	t.Helper()
	s := stack.StartT(t, stack.Options{
		Services: append(stack.RedisAndSentinels(), "api-1", "api-2", "nginx-a"),
		Settings: stack.WithHighQuotas(map[string]string{
			"RATE_USER_PER_SECOND": "100000", "RATE_SIGNIN_ADDRESS_PER_MINUTE": "100000", "RATE_SIGNIN_ACCOUNT_PER_MINUTE": "100000",
			"RESERVATION": "720h", "RATE_EDGE_PER_SECOND": "100000",
		}),
	})
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	conn, err := s.Dial(t.Context(), primary)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &shop{stack: s, conn: conn, admin: shoptest.Admin(t, s), anyone: shoptest.New(s.URL())}
}

func (s *shop) ask(t *testing.T, command ...string) string {
	t.Helper()
	reply, err := s.conn.Do(t.Context(), command...)
	require.NoError(t, err, command)
	return reply
}

// keys lists those that fit a pattern of Redis's.
func (s *shop) keys(t *testing.T, pattern string) []string {
	t.Helper()
	var found []string
	for cursor := ""; cursor != "0"; {
		if cursor == "" {
			cursor = "0"
		}
		lines := strings.Split(s.ask(t, "SCAN", cursor, "MATCH", pattern, "COUNT", "1000"), "\n")
		cursor = lines[0]
		for _, key := range lines[1:] {
			if key != "" {
				found = append(found, key)
			}
		}
	}
	return found
}

// bytes is what the keys cost that fit a pattern of Redis's and an expression.
func (s *shop) bytes(t *testing.T, pattern, expression string) (sum int) {
	t.Helper()
	fits := regexp.MustCompile(expression)
	for _, key := range s.keys(t, pattern) {
		if !fits.MatchString(key) {
			continue
		}
		n, err := strconv.Atoi(s.ask(t, "MEMORY", "USAGE", key, "SAMPLES", "0"))
		require.NoError(t, err, key)
		sum += n + bucketBytes
	}
	return sum
}

// grown is how many bytes the keys have grown by while do went on.
func (s *shop) grown(t *testing.T, pattern, expression string, do func()) int {
	t.Helper()
	before := s.bytes(t, pattern, expression)
	do()
	return s.bytes(t, pattern, expression) - before
}

// dataBytes is what Redis itself counts of all data: neither buffers nor what it has when it is empty.
func (s *shop) dataBytes(t *testing.T) int {
	t.Helper()
	lines := strings.Split(s.ask(t, "MEMORY", "STATS"), "\n")
	sum := 0
	for i := 0; i+1 < len(lines); i++ {
		switch lines[i] {
		case "dataset.bytes", "overhead.hashtable.main", "overhead.hashtable.expires":
			n, err := strconv.Atoi(lines[i+1])
			require.NoError(t, err, lines[i])
			sum += n
		}
	}
	require.Positive(t, sum)
	return sum
}

// times does something n times, a few at once.
func times(t *testing.T, n int, do func(ctx context.Context, i int) error) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	require.NoError(t, group.Wait())
}
