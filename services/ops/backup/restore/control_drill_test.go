//go:build drill

package restore_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The control: what the promise of a restore rests on is left out, and the promise is broken.
func TestWithoutTheMarkARestoreLosesPurchasesThatNoListNames(t *testing.T) {
	t.Setenv("RESTORE_WITHOUT_MARK", "1")
	require.NotEmpty(t, unaccountedFor(t))
}
