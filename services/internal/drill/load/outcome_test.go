package load

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
)

func TestWhatIsKnownAfterAnAnswer(t *testing.T) {
	tests := []struct {
		name    string
		status  int
		body    string
		err     error
		outcome history.Outcome
		code    string
	}{
		{name: "a success", status: 201, body: `{"id":"x","status":"pending"}`, outcome: history.Done},
		{name: "a refusal", status: 409, body: `{"code":"wrong-status"}`, outcome: history.Refused, code: "wrong-status"},
		{name: "a stale edit", status: 412, body: `{"code":"stale"}`, outcome: history.Refused, code: "stale"},
		{name: "a limit", status: 429, body: `{"code":"address-limit"}`, outcome: history.NotDone, code: "address-limit"},
		{name: "no primary", status: 503, body: `{"code":"unavailable"}`, outcome: history.NotDone, code: "unavailable"},
		{name: "no memory", status: 503, body: `{"code":"storage-full"}`, outcome: history.NotDone, code: "storage-full"},
		{name: "a full queue", status: 503, body: `{"code":"busy"}`, outcome: history.NotDone, code: "busy"},
		{name: "a replica that starts", status: 503, body: `{"code":"starting"}`, outcome: history.NotDone, code: "starting"},
		{name: "a deadline", status: 503, body: `{"code":"outcome-unknown"}`, outcome: history.Unknown, code: "outcome-unknown"},
		{name: "a 503 of something else", status: 503, body: `<html>`, outcome: history.Unknown},
		{name: "a replica that broke", status: 502, body: `{"code":"unavailable"}`, outcome: history.Unknown, code: "unavailable"},
		{name: "a defect", status: 500, body: `{"code":"internal"}`, outcome: history.Unknown, code: "internal"},
		{name: "a redirection", status: 302, body: `{}`, outcome: history.Unknown},
		{name: "no answer", err: errors.New("EOF"), outcome: history.Unknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			op := history.Op{Kind: history.Buy}
			understand(&op, Answer{Status: test.status, Body: []byte(test.body)}, test.err)
			require.Equal(t, test.outcome, op.Outcome)
			require.Equal(t, test.code, op.Code)
			require.Equal(t, test.status, op.Status)
			require.Equal(t, test.outcome == history.NotDone || test.outcome == history.Unknown, failed(op))
		})
	}
}

func TestAnAnswerIsKeptWithAllThatItShows(t *testing.T) {
	header := http.Header{"Idempotency-Replayed": {"true"}, "X-Served-By": {"api-2"}, "Consistency-Token": {"17"}, "Age": {"3"}}
	product := []byte(`{"id":"p","version":4,"stock":7}`)
	op := history.Op{Kind: history.Edit, Product: "p"}
	understand(&op, Answer{Status: 200, Header: header, Body: product}, nil)
	require.Equal(t, history.Op{
		Kind: history.Edit, Product: "p", Outcome: history.Done, Status: 200, Replayed: true, ServedBy: "api-2", NewToken: "17",
		Age: 3 * time.Second, Version: 4, Stock: 7, Body: "d5c723986b93e0cbb57c170d09a424f4b99e46dfc1ec27d0875384449f186182",
	}, op)

	op = history.Op{Kind: history.ReadPurchase, Purchase: "b"}
	understand(&op, Answer{Status: 200, Body: []byte(`{"id":"b","status":"paid","version":2}`)}, nil)
	require.Equal(t, history.Op{Kind: history.ReadPurchase, Purchase: "b", Outcome: history.Done, Status: 200, State: "paid"}, op)

	op = history.Op{Kind: history.Buy}
	short := `{"code":"insufficient-stock","errors":[{"product_id":"a","available":0},{"product_id":"b","available":2}]}`
	understand(&op, Answer{Status: 409, Body: []byte(short)}, nil)
	require.Equal(t, map[string]int64{"a": 0, "b": 2}, op.Short)
}

func TestAClientWaitsAsLongAsItIsToldWithinASecond(t *testing.T) {
	for sent, wait := range map[string]time.Duration{"": 200 * time.Millisecond, "0": 0, "1": time.Second, "30": time.Second, "-1": 0} {
		require.Equal(t, wait, retryAfter(Answer{Header: http.Header{"Retry-After": {sent}}}), sent)
	}
	require.Equal(t, 200*time.Millisecond, retryAfter(Answer{}))
}
