package conform

import (
	"bytes"
	"io"
	"net/http"
)

// healthPort is the replicas' second port; what it answers is no part of the API.
const healthPort = "9100"

// watching checks every exchange that passes through it.
type watching struct {
	through http.RoundTripper
	checker *Checker
}

// Watch gives a transport like through whose exchanges are checked: one that
// breaks the document is an error instead of an answer.
func (c *Checker) Watch(through http.RoundTripper) http.RoundTripper {
	return &watching{through: through, checker: c}
}

// RoundTrip sends the request, reads the whole answer and checks both.
func (w *watching) RoundTrip(request *http.Request) (*http.Response, error) {
	sent, err := bodyOf(request)
	if err != nil {
		return nil, err
	}
	response, err := w.through.RoundTrip(request)
	if err != nil || request.URL.Port() == healthPort {
		return response, err
	}
	received, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(received))
	exchange := Exchange{Request: request, Sent: sent, Status: response.StatusCode, Header: response.Header, Received: received}
	if err := w.checker.Check(exchange); err != nil {
		return nil, err
	}
	return response, nil
}

// bodyOf reads what will be sent; the request keeps it.
func bodyOf(request *http.Request) ([]byte, error) {
	if request.GetBody == nil {
		return nil, nil
	}
	body, err := request.GetBody()
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}
