package histories_test

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/stack"
)

// mark is what a restore writes at the key of the layout.
const mark = "restoring"

// startShop starts a shop whose processes are started again when they end, as by `make up`.
func startShop(t *testing.T) *stack.Stack {
	t.Helper()
	services := slices.DeleteFunc(stack.Everything(), func(name string) bool { return name == "prometheus" })
	return stack.StartT(t, stack.Options{Services: services, Settings: stack.WithHighQuotas(nil), Supervise: true})
}

// node is a connection of the operator's to the primary.
type node struct{ *stack.Conn }

func primary(t *testing.T, s *stack.Stack) node {
	t.Helper()
	name, err := s.Primary(t.Context())
	require.NoError(t, err)
	conn, err := s.Dial(t.Context(), name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return node{conn}
}

func (n node) do(t *testing.T, command ...string) string {
	t.Helper()
	reply, err := n.Do(t.Context(), command...)
	require.NoError(t, err, command[0])
	return reply
}

// waited returns when both replicas have what was written.
func (n node) waited(t *testing.T) {
	t.Helper()
	require.Equal(t, "2", n.do(t, "WAIT", "2", "900"))
}

// entry is a key as DUMP gives it.
type entry struct {
	key, ttlMillis string
	dump           string
}

// dumpAll gives all keys of one moment.
const dumpAll = `local out = {}
local function hex(s) return (string.gsub(s, '.', function(c) return string.format('%02x', string.byte(c)) end)) end
for _, key in ipairs(redis.call('KEYS', 'evg:*')) do
  out[#out + 1] = key
  out[#out + 1] = redis.call('PTTL', key)
  out[#out + 1] = hex(redis.call('DUMP', key))
end
return out`

// backup gives the data of one moment.
func (n node) backup(t *testing.T) (all []entry) {
	t.Helper()
	lines := strings.Split(n.do(t, "EVAL", dumpAll, "0"), "\n")
	for i := 0; i+2 < len(lines); i += 3 {
		dump, err := hex.DecodeString(lines[i+2])
		require.NoError(t, err)
		all = append(all, entry{key: lines[i], ttlMillis: max(lines[i+1], "0"), dump: string(dump)})
	}
	require.NotEmpty(t, all)
	return all
}

// hold puts the mark in force and gives the moment from which on it was on all nodes.
func (n node) hold(t *testing.T) time.Time {
	t.Helper()
	n.do(t, "SET", redisdb.KeySchema(), mark)
	n.waited(t)
	return time.Now()
}

// notLoaded reports whether a restore leaves a key out, or writes it last.
func notLoaded(key string) bool {
	return key == redisdb.KeySchema() || key == redisdb.KeyHistory() || key == redisdb.KeyHeartbeat() || key == redisdb.KeyReplicas() ||
		strings.HasPrefix(key, redisdb.KeyRate("", "")[:len("evg:rate:")])
}

// replace puts a backup's data in the place of the present one; the shop stays closed.
func (n node) replace(t *testing.T, all []entry) {
	t.Helper()
	sequence, err := strconv.Atoi(n.do(t, "GET", redisdb.KeyCommitSeq()))
	require.NoError(t, err)
	for _, command := range [][]string{{"MULTI"}, {"FLUSHALL"}, {"SET", redisdb.KeySchema(), mark}, {"EXEC"}} {
		n.do(t, command...)
	}
	for _, e := range all {
		if !notLoaded(e.key) {
			n.do(t, "RESTORE", e.key, e.ttlMillis, e.dump, "REPLACE")
		}
	}
	n.do(t, "SET", redisdb.KeyCommitSeq(), strconv.Itoa(sequence+1_000_000_000))
}

// open begins a new history and gives the moment at which all nodes had it.
func (n node) open(t *testing.T, layout string) (string, time.Time) {
	t.Helper()
	history := redisdb.NewHistory()
	for _, command := range [][]string{
		{"MULTI"}, {"SET", redisdb.KeyHistory(), history}, {"SET", redisdb.KeySchema(), layout}, {"EXEC"},
	} {
		n.do(t, command...)
	}
	n.waited(t)
	return history, time.Now()
}

func sprint(n int64) string { return strconv.FormatInt(n, 10) }
