package versions_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
)

const tokenHeader = "Consistency-Token"

func TestTokensCursorsAndETagsOfEitherVersionAreAcceptedByBoth(t *testing.T) {
	p := startPair(t)
	shoptest.Product(t, p.admin, 1)
	cursor := ""
	for _, way := range []struct{ from, to *shoptest.Client }{{p.before, p.now}, {p.now, p.before}} {
		made := way.from.Want(t, http.StatusCreated, "POST", "/v1/products", shoptest.Object{"name": "A", "price": shoptest.Euros(1), "stock": 3})
		path := "/v1/products/" + made.Text(t, "id")
		token := made.Header.Get(tokenHeader)
		require.NotContains(t, token, ".", "the form of before, while the release before may be at work")
		read := way.to.With(tokenHeader, token).Want(t, http.StatusOK, "GET", path, nil)
		require.Equal(t, made.Header.Get("ETag"), read.Header.Get("ETag"))
		way.to.With("If-None-Match", made.Header.Get("ETag")).Want(t, http.StatusNotModified, "GET", path, nil)
		way.to.With("If-Match", made.Header.Get("ETag")).Want(t, http.StatusOK, "PATCH", path, shoptest.Object{"name": "B"})
		way.to.With("If-Match", made.Header.Get("ETag")).Refused(t, http.StatusPreconditionFailed, "stale", "PATCH", path, shoptest.Object{"name": "C"})

		first := way.from.Current().Want(t, http.StatusOK, "GET", "/v1/products?limit=1", nil)
		cursor = first.Text(t, "next_cursor")
		next := "/v1/products?limit=1&cursor=" + cursor
		require.Equal(t, string(way.from.Current().Want(t, http.StatusOK, "GET", next, nil).Body),
			string(way.to.Current().Want(t, http.StatusOK, "GET", next, nil).Body))
	}

	old := p.now.Want(t, http.StatusCreated, "POST", "/v1/products", shoptest.Object{"name": "A", "price": shoptest.Euros(1)})
	path := "/v1/products/" + old.Text(t, "id")
	p.ask(t, "SET", "evg:schema", "2")
	var signed string
	require.Eventually(t, func() bool {
		a := p.now.Want(t, http.StatusOK, "PATCH", path, shoptest.Object{"name": "B"})
		signed = a.Header.Get(tokenHeader)
		return strings.HasPrefix(signed, "2.")
	}, 10*time.Second, 50*time.Millisecond, "layout 2 is in force")
	require.Regexp(t, `^2\.[1-9][0-9]*\.[A-Za-z0-9_-]{16}$`, signed)
	for _, token := range []string{signed, old.Header.Get(tokenHeader)} {
		p.now.With(tokenHeader, token).Want(t, http.StatusOK, "GET", path, nil)
	}
	parts := strings.Split(signed, ".")
	for _, forged := range []string{
		"2." + parts[1] + "1." + parts[2], "2." + parts[1], "2." + parts[1] + ".", "2.0" + parts[1] + "." + parts[2], "2." + parts[1] + "." + parts[2] + "A",
		"3." + parts[1] + "." + parts[2], "2." + parts[1] + "." + parts[2][:15] + "_A", "2..", "2.", ".",
	} {
		p.now.With(tokenHeader, forged).Refused(t, http.StatusBadRequest, "bad-parameter", "GET", path, nil)
	}
	const future, reads = "999999999", 50
	before := p.commits(t)
	for range reads {
		p.now.With(tokenHeader, future).Want(t, http.StatusOK, "GET", path, nil)
	}
	require.GreaterOrEqual(t, p.commits(t)-before, int64(reads),
		"a read is strong if no node of Redis has reached the token's number")
	require.NoError(t, p.Process("api-1").Terminate(t.Context()),
		"the release before is locked out before layout 3 comes into force")
	p.ask(t, "SET", "evg:schema", "3")
	require.NoError(t, p.Process("api-2").Restart(t.Context()), "a replica that begins with layout 3 takes signed tokens alone")
	for _, unsigned := range []string{future, old.Header.Get(tokenHeader)} {
		p.now.With(tokenHeader, unsigned).Refused(t, http.StatusBadRequest, "bad-parameter", "GET", path, nil)
	}
	p.now.With(tokenHeader, signed).Want(t, http.StatusOK, "GET", path, nil)
	named := p.now.Want(t, http.StatusOK, "PATCH", path, shoptest.Object{"name": "C"}).Header.Get(tokenHeader)
	require.Regexp(t, `^3\.`+p.ask(t, "GET", redisdb.KeyHistory())+`\.[1-9][0-9]*\.[A-Za-z0-9_-]{16}$`, named)
	p.now.With(tokenHeader, named).Want(t, http.StatusOK, "GET", path, nil)
	first := p.now.Current().Want(t, http.StatusOK, "GET", "/v1/products?limit=1", nil).Text(t, "next_cursor")
	require.Len(t, first, 32, "a cursor names the history, too")
	p.now.Current().Want(t, http.StatusOK, "GET", "/v1/products?limit=1&cursor="+first, nil)
	p.now.Refused(t, http.StatusGone, "cursor-outdated", "GET", "/v1/products?limit=1&cursor="+cursor, nil)

	p.ask(t, "SET", redisdb.KeyHistory(), redisdb.NewHistory())
	require.NoError(t, p.Process("api-2").Restart(t.Context()), "it works in the new history")
	before = p.commits(t)
	for range reads {
		p.now.With(tokenHeader, named).Want(t, http.StatusOK, "GET", path, nil)
	}
	require.GreaterOrEqual(t, p.commits(t)-before, int64(reads), "a read with a token of another history is strong")
	p.now.Refused(t, http.StatusGone, "cursor-outdated", "GET", "/v1/products?limit=1&cursor="+first, nil)
}

// commits is the number of the last commit group.
func (p *pair) commits(t *testing.T) int64 {
	t.Helper()
	seq, err := strconv.ParseInt(p.ask(t, "GET", "evg:commit:seq"), 10, 64)
	require.NoError(t, err)
	return seq
}
