package users

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

func TestThePageSaysWhatHashesTake(t *testing.T) {
	page, err := os.ReadFile("../../../docs/capacity.md")
	require.NoError(t, err)
	require.InDelta(t, mostAtOnce*hashing.Memory/1024, texttest.Figure(t, string(page), "password hashes"), 0)
}
