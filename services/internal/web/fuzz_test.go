package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/idempotency"
)

// asked gives the context of a request with a query and headers, as nginx may
// let them through, and what is answered.
func asked(query string, header http.Header) (*gin.Context, *httptest.ResponseRecorder) {
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = &http.Request{Method: http.MethodGet, Header: header, URL: &url.URL{Path: "/v1/products", RawQuery: query}}
	c.Set(contextRequestID, "r")
	c.Set(contextMaker, idempotency.NewMaker([]byte("secret")))
	return c, w
}

// requireProblem answers with err and demands a problem that names parameter, or
// anything for "".
func requireProblem(t *testing.T, c *gin.Context, w *httptest.ResponseRecorder, err error, parameter string) {
	t.Helper()
	var refusal *fault.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, fault.Malformed, refusal.Kind)
	Fail(c, err)
	var p problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), "%q", w.Body)
	require.Equal(t, http.StatusBadRequest, p.Status)
	require.Len(t, p.Errors, 1)
	require.NotEmpty(t, p.Errors[0].Parameter)
	require.LessOrEqual(t, w.Body.Len(), 2000, "a problem is no echo")
	if parameter != "" {
		require.Equal(t, parameter, p.Errors[0].Parameter)
	}
}

// A query that is taken has one meaning, and its page can be asked for again.
func FuzzQueries(f *testing.F) {
	for _, query := range []string{
		"", "limit=5", "limit=%2B5", "limit=05&tag=a", "cursor=MDE5MzRmNGUtNmM1YS03YjNlLTlkNTItMGE0ZjhjN2I2ZTIx", "cursor=MDE5MzRmNGUtNmM1YS03YjNlLTlkNTItMGE0ZjhjN2I2ZTIx%0A",
		"tag=a&tag=b", "tag=%ff", "%ff=1", "=x", "a;b", "tag=%zz", "tag=%00", "sku=a+b", strings.Repeat("q", 300) + "=1",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		c, w := asked(query, nil)
		page, values, err := Query(c, "sku", "tag")
		if err != nil {
			requireProblem(t, c, w, err, "")
			return
		}
		sent := url.Values{}
		for name, value := range values {
			require.Contains(t, []string{"sku", "tag"}, name)
			require.True(t, value != "" && isPlain(value))
			sent.Set(name, value)
		}
		require.True(t, page.Limit >= 1 && page.Limit <= MaxLimit)
		sent.Set("limit", strconv.Itoa(page.Limit))
		if page.Before != "" {
			require.True(t, IsID(page.Before))
			sent.Set("cursor", Cursors{}.issue(page.Before))
		}
		given, err := url.ParseQuery(query)
		require.NoError(t, err)
		if _, has := given["limit"]; !has {
			given.Set("limit", strconv.Itoa(DefaultLimit))
		}
		require.Equal(t, given.Encode(), sent.Encode(), "nothing was ignored or read in another way")
	})
}

// A tag that is taken is one that ETag gives; everything else is refused, and
// never taken for any version.
func FuzzTags(f *testing.F) {
	for _, tag := range []string{`"1"`, `"1.5"`, `W/"1"`, `*`, ``, `,`, `""1""`, `"01"`, `"+1"`, `"1.x"`, `"1", "2"`, `"9223372036854775808"`, "\"1\"\x00", `"100000000000000000"0`} {
		f.Add(tag, int64(1), int64(5))
	}
	f.Fuzz(func(t *testing.T, tag string, version, stock int64) {
		c, w := asked("", http.Header{"If-Match": {tag}, "If-None-Match": {tag}})
		etag := ETag(version, stock)
		if NotModified(c, etag) {
			require.True(t, strings.Contains(tag, etag) || strings.Contains(tag, "*"))
		}
		switch wanted, err := IfMatch(c); {
		case err != nil:
			if parts := ourTag.FindStringSubmatch(strings.TrimSpace(tag)); parts != nil {
				require.GreaterOrEqual(t, len(parts[1]), 19, "only more than 64 bits are refused of our own form")
			}
			requireProblem(t, c, w, err, "If-Match")
		case wanted == AnyVersion:
			require.Equal(t, "*", strings.TrimSpace(tag))
		default:
			require.True(t, strings.HasPrefix(strings.TrimSpace(tag), strings.TrimSuffix(ETag(wanted), `"`)))
		}
		if version > 0 && stock >= 0 {
			c, _ = asked("", http.Header{"If-Match": {etag}, "If-None-Match": {etag}})
			wanted, err := IfMatch(c)
			require.NoError(t, err)
			require.Equal(t, wanted, version)
			require.True(t, NotModified(c, etag))
		}
	})
}

// A key names one write, and no other key names it.
func FuzzIdempotencyKeys(f *testing.F) {
	for _, key := range []string{"a", "", "two words", "ü", "\x7f", strings.Repeat("k", 255), strings.Repeat("k", 256), "a\n"} {
		f.Add(key, key+"!")
	}
	f.Fuzz(func(t *testing.T, key, other string) {
		c, w := asked("", http.Header{"Idempotency-Key": {key}})
		one, err := name(c)
		if err != nil {
			require.True(t, key == "" || len(key) > 255 || strings.IndexFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0, "%q", key)
			requireProblem(t, c, w, err, "Idempotency-Key")
			return
		}
		require.True(t, one.ByClient)
		c, _ = asked("", http.Header{"Idempotency-Key": {other}})
		if two, err := name(c); err == nil {
			require.Equal(t, key == other, one.Record == two.Record)
		}
	})
}

// What is wrong with an entry of a map is said of that entry, whatever its name.
func FuzzPointers(f *testing.F) {
	for _, name := range []string{"a", "A.B", "a[0].b", "]", "[", "a/b~c", "", ".", "Options.x", "é"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		text, err := json.Marshal(entry)
		if err != nil {
			return // no UTF-8
		}
		var in struct {
			Options map[string]string `json:"options" validate:"dive,keys,endkeys,max=1"`
		}
		body := `{"options":{` + string(text) + `:"too long"}}`
		require.NoError(t, Unmarshal([]byte(body), &in), body)
		refusal := fault.As(Validate(in))
		require.Len(t, refusal.Fields, 1)
		require.Equal(t, where(jsontext.Pointer("/options").AppendToken(entry)), refusal.Fields[0].Pointer)

		var out struct {
			Options map[string]int64 `json:"options"`
		}
		refusal = fault.As(Unmarshal([]byte(body), &out))
		require.Equal(t, where(jsontext.Pointer("/options").AppendToken(entry)), refusal.Fields[0].Pointer)
	})
}
