package app_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// shared is one whole stack for the tests that break nothing; those that kill
// or restart something start their own.
var shared *stack.Stack

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var err error
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
	return max(shoptest.Verdict(m.Run()), unserved(), refusals())
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

// unserved is 1 if the whole package ran and some operation of openapi.yaml was
// never carried out, for such a one is not held at all.
func unserved() int {
	if flag.Lookup("test.run").Value.String() != "" || testing.Short() {
		return 0
	}
	missing := shoptest.Contract().Unserved()
	for _, operation := range missing {
		fmt.Fprintln(os.Stderr, "no test carries out "+operation)
	}
	return min(len(missing), 1)
}
