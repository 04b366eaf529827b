package edge

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/fault"
)

// problem is the body of an error, as RFC 9457 and the API have it.
type problem struct {
	Type      string  `json:"type"`
	Title     string  `json:"title"`
	Status    int     `json:"status"`
	Detail    string  `json:"detail"`
	Instance  *string `json:"instance"`
	Code      string  `json:"code"`
	RequestID string  `json:"request_id"`
}

// problemOf reads an answer that nginx made, and checks what all of them share.
func problemOf(t *testing.T, got answer, status int) problem {
	t.Helper()
	require.Equal(t, status, got.status, got.body)
	require.Equal(t, "application/problem+json", got.header.Get("Content-Type"))
	require.Equal(t, "nginx", got.header.Get("Server"), "no version is told")
	require.Equal(t, "nginx-a", got.header.Get("X-Served-By"))
	var p problem
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&p), got.body)
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Detail)
	require.Len(t, p.RequestID, 32)
	require.Equal(t, p.RequestID, got.header.Get("X-Request-Id"))
	return p
}

func TestWhatNginxRefusesIsAProblem(t *testing.T) {
	const end = " HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n"
	long := strings.Repeat("a", 9000)
	cases := map[string]struct {
		request string
		status  int
		kind    fault.Kind
		code    string
	}{
		"no HTTP at all":               {"GARBAGE\r\n\r\n", 400, fault.Malformed, "no-http"},
		"no Host":                      {"GET /v1/products HTTP/1.1\r\n\r\n", 400, fault.Malformed, "no-http"},
		"two lengths":                  {"POST /v1/users" + end + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, fault.Malformed, "no-http"},
		"length and chunks":            {"POST /v1/users" + end + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, fault.Malformed, "no-http"},
		"a path out of the root":       {"GET /../../etc/passwd" + end + "\r\n", 400, fault.Malformed, "no-http"},
		"the inner page asked for":     {"GET /.problem" + end + "\r\n", 404, fault.NotFound, "no-route"},
		"TRACE":                        {"TRACE /v1/products" + end + "\r\n", 405, fault.MethodNotAllowed, "no-method"},
		"a body that says it is large": {"POST /v1/products" + end + "Content-Length: 1048577\r\n\r\n", 413, fault.TooLarge, "too-large"},
		"a large body in chunks": {"POST /v1/products" + end + "Transfer-Encoding: chunked\r\n\r\n" +
			"100001\r\n" + strings.Repeat("x", 0x100001) + "\r\n0\r\n\r\n", 413, fault.TooLarge, "too-large"},
		"a long path":                {"GET /v1/" + long + end + "\r\n", 414, fault.TooLarge, "uri-too-long"},
		"a long header":              {"GET /v1/products" + end + "Idempotency-Key: " + long + "\r\n\r\n", 431, fault.TooLarge, "headers-too-large"},
		"a flood of headers":         {"GET /v1/products" + end + strings.Repeat("X-Flood: "+long[:1000]+"\r\n", 50) + "\r\n", 431, fault.TooLarge, "headers-too-large"},
		"an unknown encoding":        {"POST /v1/products" + end + "Transfer-Encoding: zip\r\n\r\n", 501, fault.Malformed, "unknown-encoding"},
		"a future version of HTTP":   {"GET /v1/products HTTP/7.0\r\nHost: shop\r\n\r\n", 505, fault.Malformed, "unknown-version"},
		"a null byte in the path":    {"GET /v1/a\x00b" + end + "\r\n", 400, fault.Malformed, "no-http"},
		"a control byte in a header": {"GET /v1/products" + end + "X-Odd: a\x00b\r\n\r\n", 400, fault.Malformed, "no-http"},
	}
	e := startEdge(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := e.sendRaw(t, c.request)
			p := problemOf(t, got, c.status)
			require.Equal(t, "/problems/"+string(c.kind), p.Type, "the API's own kinds are used")
			require.Equal(t, c.code, p.Code)
			if c.status == http.StatusMethodNotAllowed {
				require.Equal(t, "GET, HEAD, POST, PATCH, DELETE", got.header.Get("Allow"))
			}
		})
	}
	require.Empty(t, append(e.replicas[0].requests(), e.replicas[1].requests()...), "no replica was bothered")
}

func TestTheInstanceIsThePathWithoutItsQueryAndNeverBreaksTheJSON(t *testing.T) {
	cases := map[string]*string{
		"/v1/products?token=secret":     text("/v1/products"),
		"/v1/products/a%22b":            text("/v1/products/a%22b"),
		"/v1/(x);y=z,!$&'*+@~:":         text("/v1/(x);y=z,!$&'*+@~:"),
		`/v1/a"b`:                       nil,
		`/v1/a\b`:                       nil,
		`/v1/","status":200,"x":"`:      nil,
		"/v1/\xff\xfe":                  nil,
		"/v1/ok?but=\"quoted\"":         text("/v1/ok"),
		"http://other/v1/absolute-form": text("/v1/absolute-form"),
	}
	e := startEdge(t)
	for _, r := range e.replicas {
		r.stop()
	}
	for target, want := range cases {
		t.Run(target, func(t *testing.T) {
			got := e.sendRaw(t, "GET "+target+" HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
			require.Equal(t, want, problemOf(t, got, http.StatusBadGateway).Instance)
		})
	}
}

func text(s string) *string { return &s }

func TestAnAddressThatSendsTooFastIsToldToWait(t *testing.T) {
	e := startEdge(t, perSecond(1))
	for range 3 {
		require.Equal(t, http.StatusOK, e.send("GET", "/v1/products/1", "").status)
	}
	got := e.send("GET", "/v1/products/1", "")
	require.Equal(t, "address-limit", problemOf(t, got, http.StatusTooManyRequests).Code)
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, e.sendFrom("127.78.0.1").status, "another address has a rate of its own")
	e.eventually(func() bool { return e.send("GET", "/v1/products/1", "").status == http.StatusOK }, "it may go on later")
}

// sendFrom asks for the products from another address of this machine.
func (e *edge) sendFrom(address string) answer {
	e.t.Helper()
	from := *e
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	from.client = &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}, Timeout: 2 * patience}
	return from.send("GET", "/v1/products/1", "")
}

func TestABurstOfTheShippedRateIsServedWithoutDelay(t *testing.T) {
	e := startEdge(t, perSecond(100))
	for range 200 {
		require.Equal(t, http.StatusOK, e.send("GET", "/v1/products/1", "").status)
	}
}

func TestAnAddressWithTooManyConnectionsIsToldToWait(t *testing.T) {
	e := startEdge(t, with("EDGE_CONNECTIONS", "1"))
	release := make(chan struct{})
	for _, r := range e.replicas {
		r.does(func(w http.ResponseWriter, request *http.Request) {
			if request.Header.Get("X-Forwarded-For") == "127.0.0.1" {
				<-release
			}
			r.answers(w, request)
		})
	}
	held := make(chan answer, 1)
	go func() {
		a, _ := e.trySend("GET", "/v1/products", "")
		held <- a
	}()
	e.eventually(func() bool { return len(e.replicas[0].requests())+len(e.replicas[1].requests()) == 1 }, "one is in flight")
	got := e.send("GET", "/v1/products", "")
	require.Equal(t, "address-limit", problemOf(t, got, http.StatusTooManyRequests).Code)
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, e.sendFrom("127.78.0.1").status, "another address has connections of its own")
	close(release)
	require.Equal(t, http.StatusOK, (<-held).status)
}

func TestAClientThatSendsTooSlowlyIsCutOff(t *testing.T) {
	cases := map[string]string{
		"in its header": "GET /v1/products HTTP/1.1\r\nHost: sh",
		"in its body":   "POST /v1/products HTTP/1.1\r\nHost: shop\r\nContent-Length: 100\r\n\r\nabc",
	}
	e := startEdge(t, replacing("client_header_timeout 5s", "client_header_timeout 200ms"),
		replacing("client_body_timeout 10s", "client_body_timeout 200ms"))
	for name, begun := range cases {
		t.Run(name, func(t *testing.T) {
			connection, err := net.Dial("tcp", e.net+".4:8080")
			require.NoError(t, err)
			defer connection.Close()
			_, err = io.WriteString(connection, begun)
			require.NoError(t, err)
			require.NoError(t, connection.SetReadDeadline(time.Now().Add(patience)))
			reply, err := io.ReadAll(connection)
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "still open after %s", patience)
			require.Empty(t, reply)
		})
	}
	require.Empty(t, append(e.replicas[0].requests(), e.replicas[1].requests()...), "a body is read whole before a replica is asked")
}
