package app_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// Bad input: every row of the badinput_*_test.go files is sent through nginx to
// a real shop, is refused with a problem that names what is wrong, and changes
// nothing.

// badInput is one row. What it leaves out is an admin's request without a body.
type badInput struct {
	name         string
	who          *shoptest.Client // nil: the admin
	method, path string
	body         any
	status       int
	code         string // of the problem
	// at is the pointer or the parameter that errors has to name, why its code;
	// both are empty where the request as a whole is wrong.
	at, why string
}

// refuseAll sends the rows and holds the data set before and after each.
func refuseAll(t *testing.T, admin *shoptest.Client, rows []badInput) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			who := row.who
			if who == nil {
				who = admin
			}
			before := digest(t)
			p := who.Refused(t, row.status, row.code, row.method, row.path, row.body)
			requireNamed(t, p, row.at, row.why)
			require.Equal(t, before, digest(t), "something was written")
		})
	}
}

func requireNamed(t *testing.T, p shoptest.Problem, at, why string) {
	t.Helper()
	if at == "" && why == "" {
		return
	}
	found := slices.ContainsFunc(p.Errors, func(e shoptest.Wrong) bool { return e.Pointer+e.Parameter == at && e.Code == why })
	require.True(t, found, "no entry for %q with the code %q in %+v", at, why, p.Errors)
}

// digestScript hashes all that the shop has stored on the primary. It leaves out
// what changes without a client: the heartbeat, the count of commits and the
// replicas' signs of life; and what a refusal is meant to write: the remembered
// outcome of the request (a retry has to get the same refusal) and the counters
// of sign-ins. Times to live are left out, too. The events are in it: a refused
// request makes none. Hashes are sorted, for Redis keeps them in any order (and
// DUMP with them).
const digestScript = `local keys, sum = redis.call('KEYS', 'evg:*'), ''
table.sort(keys)
local function pairsOf(key)
  local flat, list = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do list[#list + 1] = cmsgpack.pack(flat[i], flat[i + 1]) end
  table.sort(list)
  return list
end
local read = {
  string = function(key) return redis.call('GET', key) end,
  hash = pairsOf,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
  stream = function(key) return redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1) end,
}
for _, key in ipairs(keys) do
  if key ~= 'evg:heartbeat' and key ~= 'evg:commit:seq' and key ~= 'evg:replicas'
    and not string.find(key, '^evg:request:') and not string.find(key, '^evg:rate:') then
    sum = redis.sha1hex(cmsgpack.pack(sum, key, read[redis.call('TYPE', key).ok](key)))
  end
end
return #keys > 0 and sum or redis.error_reply('there is no data')`

func digest(t *testing.T) string {
	t.Helper()
	sum, err := shared.Redis(t.Context(), primary(t), "EVAL", digestScript, "0")
	require.NoError(t, err)
	require.Len(t, sum, 40)
	return sum
}

func TestTheDigestNoticesAWrite(t *testing.T) {
	admin := adminOf(t, shared)
	id, before := shoptest.Product(t, admin, 5), digest(t)
	require.Equal(t, before, digest(t))
	admin.Want(t, 200, "PATCH", "/v1/products/"+id, shoptest.Object{"name": "Other"})
	require.NotEqual(t, before, digest(t))
}

// rawBadInput is a row whose request no HTTP client would send.
type rawBadInput struct {
	name    string
	request string // TOKEN stands for the admin's; the connection is to be closed after it
	status  int
	code    string
	at, why string
}

func refuseAllRaw(t *testing.T, admin *shoptest.Client, rows []rawBadInput) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			before := digest(t)
			a := raw(t, strings.ReplaceAll(row.request, "TOKEN", admin.Token()))
			require.Equal(t, row.status, a.Status, "%s", a.Body)
			require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), "%s", a.Body)
			var p shoptest.Problem
			a.Into(t, &p)
			require.Equal(t, row.code, p.Code, "%s", a.Body)
			require.Equal(t, row.status, p.Status)
			require.NotEmpty(t, p.Detail)
			require.Equal(t, a.Header.Get("X-Request-Id"), p.RequestID)
			requireNamed(t, p, row.at, row.why)
			require.Equal(t, before, digest(t), "something was written")
		})
	}
}

// raw sends bytes as they are and reads one answer.
func raw(t *testing.T, request string) shoptest.Answer {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(shared.URL(), "http://"))
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, connection.SetDeadline(time.Now().Add(20*time.Second)))
	go func() { _, _ = io.WriteString(connection, request) }() // it may be answered before it was read whole
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return shoptest.Answer{Status: response.StatusCode, Header: response.Header, Body: body}
}
