//go:build !drill

package bench

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAProgramThatShipsHasNothingToCompare(t *testing.T) {
	_, err := open(nil)
	require.ErrorContains(t, err, "-tags drill")
}
