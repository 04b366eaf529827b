package web

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

const mebibyte = 1 << 20

func holder(m *Memory, caller string) *holding { return &holding{memory: m, caller: caller} }

func TestLargeRequestsOfOneCallerHoldAnEighthOfTheMemoryAndOthersTheRest(t *testing.T) {
	m := NewMemory(16*mebibyte, prometheus.NewRegistry())
	greedy := []*holding{holder(m, "a"), holder(m, "a")}
	require.NoError(t, greedy[0].take(mebibyte))
	require.NoError(t, greedy[1].take(mebibyte))
	require.ErrorIs(t, greedy[1].take(1), ErrCallerFull)
	other := holder(m, "b")
	require.NoError(t, other.take(2*mebibyte))
	require.Equal(t, int64(4*mebibyte), m.heldBytes())

	greedy[0].give()
	require.NoError(t, greedy[1].take(mebibyte), "what is given back can be taken again")
	greedy[1].give()
	other.give()
	require.Zero(t, m.heldBytes())
	require.Empty(t, m.callers, "a caller that holds nothing takes no room in the table")
}

func TestHalfOfTheMemoryIsForSmallRequests(t *testing.T) {
	m := NewMemory(16*mebibyte, prometheus.NewRegistry())
	for _, caller := range []string{"a", "b", "c", "d"} {
		require.NoError(t, holder(m, caller).take(2*mebibyte))
	}
	require.ErrorIs(t, holder(m, "e").take(smallBytes+1), ErrFull)
	for range 8 {
		require.NoError(t, holder(m, "e").take(smallBytes))
		require.NoError(t, holder(m, "").take(smallBytes))
	}
	for range 8 {
		require.NoError(t, holder(m, "e").take(smallBytes))
	}
	require.ErrorIs(t, holder(m, "e").take(1), ErrCallerFull, "one caller's small requests may hold a quarter")
	for range 8 {
		require.NoError(t, holder(m, "").take(smallBytes))
	}
	require.ErrorIs(t, holder(m, "").take(1), ErrFull)
	require.Equal(t, int64(16*mebibyte), m.heldBytes())
}

func TestARequestCountsForItsUserOnceTheUserIsKnown(t *testing.T) {
	m := NewMemory(16*mebibyte, prometheus.NewRegistry())
	h := holder(m, "address 10.0.0.1")
	ctx := context.WithValue(t.Context(), holdingKey{}, h)
	require.NoError(t, hold(ctx, mebibyte))
	require.NoError(t, holdFor(ctx, Principal{UserID: "u", Role: RoleCustomer}))
	require.Equal(t, map[string]int64{"user u": mebibyte}, m.callers)

	second := holder(m, "address 10.0.0.1")
	require.NoError(t, second.take(3*mebibyte/2))
	with := context.WithValue(t.Context(), holdingKey{}, second)
	require.ErrorIs(t, holdFor(with, Principal{UserID: "u", Role: RoleCustomer}), ErrCallerFull)
	second.give()
	require.Equal(t, int64(mebibyte), m.heldBytes())
	require.NoError(t, holdFor(ctx, Principal{UserID: "u", Role: RoleAdmin}))
	require.Empty(t, m.callers, "an admin has no bound of their own")
}

// replica is a server whose only route reads a JSON body and tells how long its list is.
func replica(t *testing.T, memory *Memory) *httptest.Server {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.POST("/", memory.Bound, CapBody(MaxBody), Handle(func(c *gin.Context) error {
		in, err := Decode[struct {
			Items []struct{} `json:"items"`
		}](c)
		if err == nil {
			c.String(http.StatusOK, "%d", len(in.Items))
		}
		return err
	}))
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server
}

func post(t *testing.T, url string, body io.Reader) (status int, code string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var answer struct{ Code string }
	_ = json.NewDecoder(response.Body).Decode(&answer)
	return response.StatusCode, answer.Code
}

func TestABodyThatDoesNotFitIsRefusedBeforeItIsRead(t *testing.T) {
	memory := NewMemory(16*mebibyte, prometheus.NewRegistry())
	server := replica(t, memory)
	full := holder(memory, "address 127.0.0.1")
	require.NoError(t, full.take(3*mebibyte/2))

	never, end := io.Pipe() // a body of which nothing comes
	defer end.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, never)
	require.NoError(t, err)
	request.ContentLength = MaxBody
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	require.Equal(t, "1", response.Header.Get("Retry-After"))

	full.give()
	status, _ := post(t, server.URL, strings.NewReader(`{"items":[]}`))
	require.Equal(t, http.StatusOK, status)
	require.Eventually(t, func() bool { return memory.heldBytes() == 0 }, time.Second, time.Millisecond)
}

func TestABodyWithoutALengthIsCountedAsItGrows(t *testing.T) {
	memory := NewMemory(16*mebibyte, prometheus.NewRegistry())
	server := replica(t, memory)
	full := holder(memory, "address 127.0.0.1")
	require.NoError(t, full.take(3*mebibyte/2))
	long := `{"items":[]` + strings.Repeat(" ", 700_000) + `}`
	chunked := struct{ io.Reader }{strings.NewReader(long)} // net/http cannot tell its length
	status, code := post(t, server.URL, chunked)
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Equal(t, "caller-busy", code)

	full.give()
	status, _ = post(t, server.URL, struct{ io.Reader }{strings.NewReader(long)})
	require.Equal(t, http.StatusOK, status)
}

func TestABodyHasABoundedNumberOfValues(t *testing.T) {
	server := replica(t, NewMemory(128*mebibyte, prometheus.NewRegistry()))
	of := func(n int) io.Reader {
		return strings.NewReader(`{"items":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + `]}`)
	}
	status, _ := post(t, server.URL, of(MaxValues))
	require.Equal(t, http.StatusOK, status)
	status, code := post(t, server.URL, of(MaxValues+1))
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	require.Equal(t, "too-large", code)
}

func TestCommasWithinTextsAreNoValues(t *testing.T) {
	for body, expected := range map[string]int{
		`{}`: 1, `[1,2,3]`: 3, `["a,b"]`: 2,
		`["` + strings.Repeat(",", MaxValues) + `",1]`:      2,
		`["\",` + strings.Repeat(",", MaxValues) + `\\",1]`: 2,
	} {
		require.Equal(t, expected, values([]byte(body)), "%.20s", body)
	}
}

func TestAPageEndsWhenItsItemsFillItAndTheNextGoesOnAfterIt(t *testing.T) {
	s := numbered(30)
	large := func(ids []string, room int) ([]jsontext.Value, error) {
		page := Render(t.Context(), room)
		for _, id := range ids {
			item := jsontext.Value(`"` + id + strings.Repeat(".", pageBytes/4) + `"`)
			if more, err := page.Add(item); err != nil || !more {
				return page.Items, err
			}
		}
		return page.Items, nil
	}
	var found []string
	for page, pages := (Page{Limit: 20}), 1; ; pages++ {
		items, last, err := Collect(page, s.next, large)
		require.NoError(t, err)
		require.LessOrEqual(t, len(items), 4)
		for _, item := range items {
			found = append(found, string(item[1:7]))
		}
		if last == "" {
			require.GreaterOrEqual(t, pages, 8)
			break
		}
		page.Before = last
	}
	require.Equal(t, s.ids, found)
}

func TestTheMemoryOfAnswersIsCounted(t *testing.T) {
	m := NewMemory(16*mebibyte, prometheus.NewRegistry())
	h := holder(m, "user u")
	page := Render(context.WithValue(t.Context(), holdingKey{}, h), 10*mebibyte)
	require.NoError(t, page.Expect(mebibyte))
	require.NoError(t, page.Expect(mebibyte), "items are made one after the other")
	_, err := page.Add(bytes.Repeat([]byte("1"), mebibyte))
	require.NoError(t, err)
	require.Equal(t, int64(2*mebibyte), m.heldBytes())
	_, err = page.Add(jsontext.Value("1"))
	require.ErrorIs(t, err, ErrCallerFull)
}

func TestAListIsTheSameJSONAsIfItWerePutTogetherFirst(t *testing.T) {
	for _, row := range []struct {
		items []jsontext.Value
		last  string
		body  string
	}{
		{nil, "", `{"data":[],"has_more":false,"next_cursor":null}`},
		{[]jsontext.Value{jsontext.Value(`{"a":1}`)}, "", `{"data":[{"a":1}],"has_more":false,"next_cursor":null}`},
		{[]jsontext.Value{jsontext.Value(`1`), jsontext.Value(`2`)}, "x", `{"data":[1,2],"has_more":true,"next_cursor":"eA"}`},
	} {
		w := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(w)
		c.Request = httptest.NewRequest(http.MethodGet, "/v1/things", nil)
		require.NoError(t, List(c, row.items, row.last))
		require.Equal(t, row.body, w.Body.String())
		require.EqualValues(t, len(row.body), w.Result().ContentLength)
	}
}
