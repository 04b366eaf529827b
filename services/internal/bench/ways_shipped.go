//go:build !drill

package bench

import (
	"errors"

	"evergreen/services/internal/stack"
)

// open refuses: what ships can commit in one way only, and there is nothing to
// compare it with.
func open(*stack.Stack) ([]way, error) {
	return nil, errors.New("the other ways are in a program built with -tags drill only")
}
