package app_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

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
	return m.Run()
}
