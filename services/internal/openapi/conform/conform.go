// Package conform holds what clients and the API say to each other against the
// API's document. Only tests import it: the library that judges is no part of
// the API's program.
package conform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Exchange is a request and its answer.
type Exchange struct {
	// Request needs no body; Sent is what its body was.
	Request  *http.Request
	Sent     []byte
	Status   int
	Header   http.Header
	Received []byte
}

func (e Exchange) String() string {
	return fmt.Sprintf("%s %s: %d", e.Request.Method, e.Request.URL.Path, e.Status)
}

// Checker judges exchanges and keeps what it found. It may be used from several
// goroutines.
type Checker struct {
	doc    *openapi3.T
	router routers.Router
	open   []*openapi3.Schema // those to which a newer version may add members

	mu     sync.Mutex
	broken []string
	served map[string]bool // the operations that were carried out
}

// New makes a Checker for a document in YAML; the error says what is wrong with it.
func New(document []byte) (*Checker, error) {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	c := &Checker{doc: doc, router: router, served: map[string]bool{}}
	c.shut()
	return c, err
}

// Check says how an exchange breaks the document, or nil. A request is only
// judged when it succeeded: tests send bad ones on purpose.
func (c *Checker) Check(e Exchange) error {
	err := c.check(e)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("openapi.yaml is broken by %s: %w\n%.2000s", e, err, e.Received)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = append(c.broken, err.Error())
	return err
}

// Broken lists what Check found so far. Whoever shares a Checker asks at the
// end, for a client may take an error for an answer that did not come.
func (c *Checker) Broken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.broken)
}

func (c *Checker) check(e Exchange) error {
	route, params, err := c.router.FindRoute(e.Request)
	response, err := c.expected(e, route, err)
	if err != nil {
		return err
	}
	if route == nil || response.outside {
		route = &routers.Route{Spec: c.doc, Operation: &openapi3.Operation{
			Responses: openapi3.NewResponses(openapi3.WithStatus(e.Status, &openapi3.ResponseRef{Value: response.Response})),
		}}
	}
	input := &openapi3filter.RequestValidationInput{Request: e.Request, PathParams: params, Route: route, Options: options()}
	if err := errors.Join(judgeAnswer(input, e), judgeHeaders(response.Response, e), judgeProblem(response.Response, e)); err != nil {
		return err
	}
	if e.Status >= http.StatusBadRequest {
		return nil
	}
	c.mu.Lock()
	c.served[route.Method+" "+route.Path] = true
	c.mu.Unlock()
	return judgeRequest(input, e)
}

// options: a body where none is documented (GET, DELETE) is left alone, for
// OpenAPI 3.0 can say nothing about it.
func options() *openapi3filter.Options {
	return &openapi3filter.Options{
		IncludeResponseStatus: true, SkipSettingDefaults: true, MultiError: true,
		AuthenticationFunc: func(_ context.Context, input *openapi3filter.AuthenticationInput) error {
			header := input.RequestValidationInput.Request.Header.Get("Authorization")
			if !strings.HasPrefix(header, "Bearer ") {
				return errors.New("no token was sent")
			}
			return nil
		},
	}
}

func judgeAnswer(request *openapi3filter.RequestValidationInput, e Exchange) error {
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: e.Status, Header: e.Header,
		Body: io.NopCloser(bytes.NewReader(e.Received)), Options: request.Options,
	})
}

// judgeRequest holds the request of an answer that granted it: what worked has
// to be documented, too.
func judgeRequest(input *openapi3filter.RequestValidationInput, e Exchange) error {
	request := e.Request.Clone(context.Background())
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(e.Sent)), int64(len(e.Sent))
	input.Request = request
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
		return fmt.Errorf("the request was granted: %w", err)
	}
	for name := range request.URL.Query() {
		if input.Route.Operation.Parameters.GetByInAndName(openapi3.ParameterInQuery, name) == nil {
			return fmt.Errorf("the request was granted with the parameter %q, which is not documented", name)
		}
	}
	return nil
}
