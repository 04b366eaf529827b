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
	request, sent, err := withBody(request)
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

// withBody reads what will be sent and gives a request that still sends it: a
// transport may not change the one that it was given.
func withBody(request *http.Request) (*http.Request, []byte, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return request, nil, nil
	}
	sent, err := io.ReadAll(request.Body)
	_ = request.Body.Close()
	if err != nil {
		return nil, nil, err
	}
	again := *request
	again.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(sent)), nil }
	again.Body, err = again.GetBody()
	return &again, sent, err
}
