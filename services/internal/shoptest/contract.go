package shoptest

import (
	"fmt"
	"net/http"
	"os"
	"sync"

	"evergreen/services/internal/openapi"
	"evergreen/services/internal/openapi/conform"
)

// contract judges what every client of a test program is answered; there is one
// for all, so that Verdict knows of everything.
var contract = sync.OnceValue(func() *conform.Checker {
	c, err := conform.New(openapi.Document())
	if err != nil {
		panic("openapi.yaml is no valid document: " + err.Error())
	}
	return c
})

// watched has each answer that comes through a transport held against
// openapi.yaml, which takes about 0.1 ms; one that breaks it is an error.
func watched(through *http.Transport) http.RoundTripper { return contract().Watch(through) }

// Verdict is the exit code of a test program: that of its tests, or 1 if an
// answer broke openapi.yaml. A test that expects faults may have taken that for
// an answer that did not come, so TestMain ends with this.
func Verdict(tests int) int {
	broken := contract().Broken()
	for _, line := range broken {
		fmt.Fprintln(os.Stderr, line)
	}
	if len(broken) > 0 {
		return 1
	}
	return tests
}

// Contract is what every answer is held against.
func Contract() *conform.Checker { return contract() }
