package history_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
)

func TestATokenOfEachFormTellsItsCommit(t *testing.T) {
	for token, want := range map[string]int64{"": 0, "17": 17, "2": 2, "2.17.DHk1VtiQQXV9TT_F": 17, "2.x.y": 0, "3.17.y": 0,
		"3.0123456789abcdef.17.DHk1VtiQQXV9TT_F": 17} {
		require.Equal(t, want, history.Number(token), token)
	}
}
