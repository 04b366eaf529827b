package app_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"evergreen/services/internal/openapi"
	"evergreen/services/internal/openapi/conform"
	"evergreen/services/internal/stack"
)

// shared is one whole stack for the tests that break nothing; those that kill
// or restart something start their own.
var shared *stack.Stack

// contract judges every answer that the tests of this package get.
var contract *conform.Checker

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if contract, err = conform.New(openapi.Document()); err != nil {
		fmt.Fprintln(os.Stderr, "openapi.yaml is no valid document:", err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	shared, err = stack.Start(ctx, stack.Options{Settings: map[string]string{"RESERVATION": "15m"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "the shared stack did not start:", err)
		return 1
	}
	defer func() {
		if err := shared.Stop(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "the shared stack did not stop:", err)
		}
	}()
	return max(m.Run(), verdict(), refusals())
}

// refusals is 1 if Redis or a Sentinel has refused anybody anything while the
// tests ran: a user then lacks a right that it needs.
func refusals() int {
	found, err := shared.Refusals(context.Background())
	if err != nil || len(found) > 0 {
		fmt.Fprintln(os.Stderr, "refused by Redis or a Sentinel:", err, strings.Join(found, "\n"))
		return 1
	}
	return 0
}

// verdict is 1 if an answer broke the document, also where a test took that for
// an answer that did not come; or if the whole package ran and some operation
// was never carried out, for such a one is not held at all.
func verdict() int {
	broken := contract.Broken()
	if flag.Lookup("test.run").Value.String() == "" && !testing.Short() {
		for _, operation := range contract.Unserved() {
			broken = append(broken, "no test carries out "+operation)
		}
	}
	for _, line := range broken {
		fmt.Fprintln(os.Stderr, line)
	}
	return min(len(broken), 1)
}
