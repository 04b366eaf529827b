package stack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFirstRunEndsWithOnePrimaryAndTwoReplicas(t *testing.T) {
	began := time.Now()
	s := StartT(t, Options{Services: RedisAndSentinels()})
	t.Log("up after", time.Since(began))
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	require.Equal(t, "redis-1", primary)
	began = time.Now()
	require.NoError(t, s.Stop(t.Context()))
	t.Log("down after", time.Since(began))
}
