package conform

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// expectation is what the document says about an answer; outside means that the
// answer belongs to no operation.
type expectation struct {
	*openapi3.Response
	outside bool
}

// outside names, by status, the responses that any path may have beside its
// operations': what is not there, and what nginx answers by itself.
var outside = map[int]string{
	http.StatusNotFound: "NoRoute", http.StatusMethodNotAllowed: "MethodNotAllowed",
	http.StatusInternalServerError: "Internal", http.StatusRequestEntityTooLarge: "TooLarge",
	http.StatusTooManyRequests: "TooManyFromAddress", http.StatusBadGateway: "Lost",
	http.StatusServiceUnavailable: "Unavailable", http.StatusGatewayTimeout: "Lost",
}

// refused is the response for what nginx does not even let through; its
// x-statuses say which.
const refused = "RefusedAtTheEdge"

// expected finds the documented response. lookup is the router's error, if any.
func (c *Checker) expected(e Exchange, route *routers.Route, lookup error) (expectation, error) {
	if lookup == nil {
		if ref := route.Operation.Responses.Status(e.Status); ref != nil {
			return expectation{Response: ref.Value}, nil
		}
	}
	if strings.HasPrefix(e.Header.Get("X-Served-By"), "nginx-") {
		if slices.Contains(numbers(c.doc.Components.Responses[refused].Value.Extensions["x-statuses"]), e.Status) {
			return c.component(refused)
		}
		return c.component(outside[e.Status])
	}
	switch {
	case errors.Is(lookup, routers.ErrMethodNotAllowed):
		return c.notAllowed(e)
	case errors.Is(lookup, routers.ErrPathNotFound) && e.Status == http.StatusNotFound:
		return c.component(outside[e.Status])
	case lookup != nil:
		return expectation{}, lookup
	}
	return expectation{}, errors.New("this status is not documented for this operation")
}

func (c *Checker) component(name string) (expectation, error) {
	ref := c.doc.Components.Responses[name]
	if ref == nil {
		return expectation{}, errors.New("this status is not documented")
	}
	return expectation{Response: ref.Value, outside: true}, nil
}

// notAllowed holds a 405 and its Allow against the methods that the path has.
func (c *Checker) notAllowed(e Exchange) (expectation, error) {
	if e.Status != http.StatusMethodNotAllowed {
		return expectation{}, errors.New("the document has no such method for this path, and this is no 405")
	}
	var documented []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := e.Request.Clone(e.Request.Context())
		probe.Method = method
		if _, _, err := c.router.FindRoute(probe); err == nil {
			documented = append(documented, method)
		}
	}
	allowed := strings.Split(e.Header.Get("Allow"), ", ")
	slices.Sort(allowed)
	slices.Sort(documented)
	if !slices.Equal(allowed, documented) {
		return expectation{}, fmt.Errorf("the header Allow lists %v, the document has %v", allowed, documented)
	}
	return c.component(outside[e.Status])
}

// transport are the headers of HTTP itself, which no document lists.
var transport = []string{"Connection", "Content-Length", "Content-Type", "Date", "Keep-Alive", "Server", "Transfer-Encoding"}

// judgeHeaders demands what is required, also where the library looks at nothing
// (304), and finds what nobody documented.
func judgeHeaders(response *openapi3.Response, e Exchange) error {
	for name, header := range response.Headers {
		if header.Value.Required && e.Header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	for name := range e.Header {
		documented := slices.ContainsFunc(transport, func(t string) bool { return t == name })
		for known := range response.Headers {
			documented = documented || http.CanonicalHeaderKey(known) == name
		}
		if !documented {
			return fmt.Errorf("the header %s is not documented", name)
		}
	}
	if by, only := response.Extensions["x-served-by"].(string); only && !strings.HasPrefix(e.Header.Get("X-Served-By"), by) {
		return fmt.Errorf("only %s answers so", by)
	}
	if len(response.Content) == 0 && len(e.Received) > 0 {
		return errors.New("the answer has a body, and none is documented")
	}
	return nil
}

// judgeProblem holds a problem against the rest of its answer and against the
// codes that the response may have.
func judgeProblem(response *openapi3.Response, e Exchange) error {
	if response.Content["application/problem+json"] == nil || e.Request.Method == http.MethodHead {
		return nil
	}
	var problem struct {
		Status    int
		Code      string
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(e.Received, &problem); err != nil {
		return err
	}
	if problem.Status != e.Status {
		return fmt.Errorf("the problem says status %d", problem.Status)
	}
	if problem.RequestID != e.Header.Get("X-Request-Id") {
		return errors.New("the problem has another request_id than X-Request-Id")
	}
	if codes := texts(response.Extensions["x-codes"]); !slices.Contains(codes, problem.Code) {
		return fmt.Errorf("the code %q is not among those documented for this answer: %v", problem.Code, codes)
	}
	return nil
}

func texts(extension any) (list []string) {
	for _, value := range asList(extension) {
		list = append(list, fmt.Sprint(value))
	}
	return list
}

func numbers(extension any) (list []int) {
	for _, value := range asList(extension) {
		if n, isNumber := value.(float64); isNumber {
			list = append(list, int(n))
		}
	}
	return list
}

func asList(extension any) []any {
	list, _ := extension.([]any)
	return list
}
