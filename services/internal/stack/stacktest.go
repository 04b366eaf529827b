package stack

import (
	"context"
	"path/filepath"
)

// TB is what StartT needs of *testing.T. (Importing testing itself would carry
// its command line flags into `make up`.)
type TB interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Failed() bool
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// StartT starts a stack for a test and stops it at the test's end. If the test
// fails, the ends of all logs are shown.
func StartT(tb TB, o Options) *Stack {
	tb.Helper()
	s, err := New(tb.Context(), o)
	if err != nil {
		tb.Fatalf("preparing the stack: %v", err)
	}
	s.StopT(tb)
	if err := s.Up(tb.Context()); err != nil {
		tb.Fatalf("starting the stack: %v", err)
	}
	return s
}

// StopT has the stack stopped at the test's end.
func (s *Stack) StopT(tb TB) {
	tb.Cleanup(func() {
		if tb.Failed() {
			s.showLogs(tb)
		}
		if err := s.Stop(context.WithoutCancel(tb.Context())); err != nil {
			tb.Logf("stopping the stack: %v", err)
		}
	})
}

func (s *Stack) showLogs(tb TB) {
	logs, _ := filepath.Glob(filepath.Join(s.dir, "logs", "*.log"))
	for _, path := range logs {
		tb.Logf("the end of %s:\n%s", filepath.Base(path), tail(path, 30))
	}
}
