//go:build containers

package containers_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
)

// A replica that meets another history ends with status 0. The engine starts it again all the same, and the other one
// answers meanwhile.
func TestReplicasThatMeetAnotherHistoryAreStartedAgain(t *testing.T) {
	s := whole(t)
	names := []string{"api-1", "api-2"}
	lives := map[string]string{}
	for _, name := range names {
		life, err := s.Service(name).Inspect(t.Context())
		require.NoError(t, err)
		lives[name] = life.State.StartedAt
	}
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	_, err = s.Redis(t.Context(), primary, "SET", redisdb.KeyHistory(), redisdb.NewHistory())
	require.NoError(t, err)
	begun, told, last := time.Now(), map[int]int{}, time.Time{}
	visitor := shoptest.New(s.URL())
	await(t, 30*time.Second, "both replicas have another life, and answer", func() bool {
		for range 20 { // between two looks at the containers
			answer := visitor.Do(t, "GET", "/v1/products?limit=1", nil)
			if told[answer.Status]++; answer.Status >= 500 {
				require.NotEmpty(t, answer.Header.Get("Retry-After"))
				last = time.Now()
			}
		}
		for _, name := range names {
			life, err := s.Service(name).Inspect(t.Context())
			if err != nil || !life.Healthy() || life.State.StartedAt == lives[name] {
				return false
			}
		}
		return time.Since(last) > time.Second
	})
	t.Logf("clients were told %v; the last refusal came %.1f s after the change", told, last.Sub(begun).Seconds())
	require.Zero(t, told[http.StatusBadGateway], "%v", told)
	s.admin.Want(t, http.StatusOK, "GET", "/v1/users?limit=1", nil)
}
