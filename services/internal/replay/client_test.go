package replay

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAPriceIsReadExactly(t *testing.T) {
	for text, want := range map[string]int64{
		"2.55": 255, "2.5": 250, "2": 200, ".85": 85, "3.": 300, "0": 0, "0.00": 0, "0.29": 29, "1.005000": -1,
		"-0.50": -50, "-11062.06": -1106206, "1.150": 115, "90071992547409.93": 9007199254740993,
	} {
		got, err := pence(text)
		if want == -1 {
			require.ErrorIs(t, err, errFinerThanAPenny, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", ".", "-", "-.", "+1", "1,5", "1 000", "1e3", "0x10", "NaN", "1.2.3", "£1"} {
		_, err := pence(text)
		require.ErrorIs(t, err, errNoAmount, text)
	}
}

func TestEachCustomerHasAnAddressOfTheirOwn(t *testing.T) {
	require.Equal(t, "customer-17850@replay.example", emailOf("17850"))
	require.Equal(t, "walk-in@replay.example", emailOf(""))
	// Emails are compared without case, and a customer may be written in any way.
	seen := map[string]string{}
	for _, customer := range []string{"", "a", "A", "_41", "Ä", "a b", "a@b", "a.b", "a..b", "-"} {
		email := emailOf(customer)
		require.Regexp(t, `^[a-z0-9_-]+@replay\.example$`, email)
		require.NotContains(t, seen, email)
		seen[email] = customer
	}
}

// heard is what a stand-in for the shop was sent.
type heard struct{ key, body string }

// answering gives a client of a stand-in that answers in turn, and what it hears.
// Real servers fail too seldom to see every kind of failure.
func answering(t *testing.T, patience time.Duration, answers ...http.HandlerFunc) (*shop, *[]heard) {
	t.Helper()
	var all []heard
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		all = append(all, heard{r.Header.Get("Idempotency-Key"), string(body)})
		answers[min(len(all), len(answers))-1](w, r)
	}))
	t.Cleanup(server.Close)
	return newShop(newClient(server.URL, patience, 1, io.Discard)), &all
}

func saying(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestARequestIsSentAgainUnderTheSameKeyUntilItIsAnswered(t *testing.T) {
	for why, failing := range map[string][]http.HandlerFunc{
		"503 outcome-unknown": {saying(503, `{"code":"outcome-unknown"}`)},
		"502":                 {saying(502, "<html>")},
		"504":                 {saying(504, "")},
		"500 internal":        {saying(500, `{"code":"internal"}`)},
		"429 too-many":        {saying(429, `{"code":"too-many"}`, "Retry-After", "1")},
		"no answer":           {hangUp},
		"answer cut off":      {saying(201, `{"id":`, "Content-Length", "100")},
	} {
		t.Run(why, func(t *testing.T) {
			s, all := answering(t, time.Minute, append(failing, saying(201, `{"id":"7"}`))...)
			var made struct{ ID string }
			require.NoError(t, s.write(t.Context(), "/v1/purchases", "replay-sale-1", object{"external_ref": "1"}, &made))
			require.Equal(t, "7", made.ID)
			same := heard{"replay-sale-1", `{"external_ref":"1"}`}
			require.Equal(t, []heard{same, same}, *all)
			require.Equal(t, map[string]int{why: 1}, s.waits)
		})
	}
}

func TestWhatAnEarlierRunWasToldIsAskedOnceMoreUnderAnotherKey(t *testing.T) {
	for name, remembered := range map[string]http.HandlerFunc{
		"a refusal":    saying(409, `{"code":"insufficient-stock"}`, "Idempotency-Replayed", "true"),
		"another body": saying(422, `{"code":"idempotency-key-reused"}`),
	} {
		t.Run(name, func(t *testing.T) {
			s, all := answering(t, time.Minute, remembered, saying(201, `{}`))
			require.NoError(t, s.write(t.Context(), "/", "replay-sale-1", object{}, &struct{}{}))
			require.Len(t, *all, 2)
			require.NotEqual(t, (*all)[0].key, (*all)[1].key)
		})
	}
	s, all := answering(t, time.Minute, saying(409, `{"code":"insufficient-stock","detail":"Too few."}`))
	err := s.write(t.Context(), "/v1/purchases", "replay-sale-1", object{}, &struct{}{})
	require.EqualError(t, err, "POST /v1/purchases: 409 insufficient-stock: Too few.")
	require.Len(t, *all, 1, "a fresh refusal is an answer")
}

func TestPatienceEnds(t *testing.T) {
	s, all := answering(t, 300*time.Millisecond, saying(503, `{"code":"unavailable"}`))
	err := s.get(t.Context(), "/", &struct{}{})
	require.ErrorContains(t, err, "503 unavailable")
	_, refused := asRefusal(err)
	require.False(t, refused, "it ends the run, and does not count as an answer")
	require.Greater(t, len(*all), 1)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.get(ctx, "/", &struct{}{}), context.Canceled)
}
