package backup_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/target"
)

func TestANoteOfALaterTimeDoesNotHideThatNothingIsVerified(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	odd, other := t.TempDir(), t.TempDir()
	store, err := target.OpenDirectory(odd)
	require.NoError(t, err)
	id, later := archive.NewChain(time.Now().Add(-time.Hour)), time.Now().Add(24*time.Hour).UnixMilli()
	require.NoError(t, archive.PutFull(t.Context(), store, archive.Full{Format: archive.Format, Chain: id, Segments: 1, EndedMillis: later}))
	require.NoError(t, archive.PutVerified(t.Context(), store, archive.Verified{Chain: id, VerifiedMillis: later}))
	metrics, _ := s.serve(s.settings(odd, other))
	awaitChain(t, other, isVerified)
	for _, name := range []string{"shop_backup_last_verified_seconds", "shop_backup_last_full_seconds"} {
		require.Eventually(t, func() bool { return value(t, metrics, name) > 0 }, time.Minute, 50*time.Millisecond)
		require.LessOrEqual(t, value(t, metrics, name), float64(time.Now().UnixMilli())/1000)
	}
}
