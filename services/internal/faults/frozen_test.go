package faults_test

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// rounds is how often a long test is repeated: often with SWEEP=1 (`make sweep`),
// once otherwise.
func rounds(often int) int {
	if os.Getenv("SWEEP") != "" {
		return often
	}
	return 1
}

func TestAPrimaryThatWakesUpAfterFifteenSecondsHasToldNobodyAnything(t *testing.T) {
	shop, admin := whole(t)
	for range rounds(5) {
		load := startTraffic(t, shop, admin)
		load.awaitMore(t, perSecond)
		old, _ := roles(t, shop)
		frozen := time.Now()
		require.NoError(t, old.Pause())
		stopped := time.Now()
		resumed := load.await(t, 1, func(r result) bool { return r.write && r.right() && r.sent.After(stopped) })[0].done
		t.Logf("%s frozen: the first write sent after that was acknowledged %v later", old.Name(), resumed.Sub(frozen).Round(time.Millisecond))
		await(t, 20*time.Second, "fifteen seconds have passed", func() bool { return time.Since(frozen) > 15*time.Second })
		require.NoError(t, old.Resume())
		load.awaitMore(t, 2*perSecond)
		results := load.end(t)

		// Later than after a kill, for Sentinel notices a freeze only by its pings,
		// one a second.
		require.Less(t, resumed.Sub(frozen), downAfter(t, shop)+3*time.Second)
		requireAllRight(t, results)
		load.requireEachOnce(t, results)
		load.requireReplays(t, results)
		load.requireEachOnce(t, results)
		requireReturnsAsReplica(t, shop, old)
	}
}

func TestThePrimaryIsKilledAgainAndAgainUnderLoad(t *testing.T) {
	if os.Getenv("SWEEP") == "" {
		t.Skip("skipped: five kills of 20 s each; `make sweep` runs them")
	}
	shop, admin := whole(t)
	for range 5 {
		load := startTraffic(t, shop, admin)
		load.awaitMore(t, 5*perSecond)
		old, _ := roles(t, shop)
		kill := time.Now()
		require.NoError(t, old.Kill())
		dead := time.Now()
		resumed := load.await(t, 1, func(r result) bool { return r.write && r.right() && r.sent.After(dead) })[0].done
		load.awaitMore(t, 10*perSecond)
		results := load.end(t)
		t.Logf("%s killed: the first write sent after that was acknowledged %v later", old.Name(), resumed.Sub(kill).Round(time.Millisecond))
		require.Less(t, resumed.Sub(kill), downAfter(t, shop)+3*time.Second)
		requireAllRight(t, results)
		load.requireEachOnce(t, results)
		requireReturnsAsReplica(t, shop, old)
		repair(t, shop)
	}
}

func TestWithoutReplicasWritesAreRefusedInTimeAndReadsGoOn(t *testing.T) {
	shop, admin := whole(t)
	_, replicas := roles(t, shop)
	product := shoptest.Product(t, admin, 10)
	for _, r := range replicas {
		require.NoError(t, r.Kill())
	}
	sent := time.Now()
	write := make(chan shoptest.Answer, 1)
	go func() {
		a, err := admin.Try(t.Context(), "POST", "/v1/purchases", shoptest.Order(product, 1))
		if err != nil {
			t.Errorf("the write got no answer: %v", err)
		}
		write <- a
	}()
	reads := 0
	for answered := false; !answered; reads++ {
		admin.Want(t, http.StatusOK, "GET", "/v1/products/"+product, nil)
		select {
		case a := <-write:
			require.Equal(t, http.StatusServiceUnavailable, a.Status, "%s", a.Body)
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			answered = true
		default:
		}
	}
	t.Logf("the write was refused after %v; %d reads were answered meanwhile", time.Since(sent).Round(time.Millisecond), reads)
	require.Less(t, time.Since(sent), 12*time.Second)

	begun := time.Now()
	require.NoError(t, replicas[0].Restart(t.Context()))
	back := time.Now()
	admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 2))
	t.Logf("a replica was back after %v, the first write acknowledged %v later", back.Sub(begun).Round(time.Millisecond), time.Since(back).Round(time.Millisecond))
	require.Less(t, time.Since(back), 3*time.Second)
}
