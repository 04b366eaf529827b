package attack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatNoPartHasUsedOfTheProcessorIsElsewhere(t *testing.T) {
	before := map[string]time.Duration{"": 10 * time.Second, "api": time.Second, partAttack: time.Second}
	after := map[string]time.Duration{"": 20 * time.Second, "api": 4 * time.Second, partAttack: 2 * time.Second, "nginx": time.Second}
	require.Equal(t, Cores{"api": 0.3, partAttack: 0.1, "nginx": 0.1, partElsewhere: 0.5}, coresBetween(before, after, 10*time.Second))
	require.Equal(t, "api 0.00 -> 0.30", processors(Cores{}, Cores{"api": 0.3})[:len("api 0.00 -> 0.30")])
}

func TestTheTimeOfTheMachinesCoresRises(t *testing.T) {
	before := machineTime()
	require.Positive(t, before)
	require.Eventually(t, func() bool { return machineTime() > before }, 20*time.Second, time.Millisecond)
}
