package histories_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// A replica stands still from before the mark until after the opening. It wakes up with requests that clients sent it
// meanwhile, with the topology and the connections of before, and with writes that it was just making.
func TestAReplicaThatWasFrozenOverTheWholeRestoreAnswersNothingOfTheNewDataAndEnds(t *testing.T) {
	r := begin(t, "api-1") // nginx would have the load wait for the one that is frozen
	frozen := r.s.Process("api-2")
	direct := shoptest.New("http://" + frozen.Addr()).As(shoptest.Customers(t, r.admin, 1)[0].Token())
	r.backup = r.n.backup(t)                       // has the customer
	r.await(t, len(r.load.all(bought))+20, bought) // which are not in the backup
	pid := frozen.PID()
	before, first := r.askAll(t, direct, 40)
	<-first
	require.NoError(t, frozen.Pause())
	r.close(t)
	r.reopen(t)
	r.await(t, 20, func(a answer) bool { return bought(a) && a.sent.After(r.opened) })
	asked, _ := r.askAll(t, direct, 40)
	require.NoError(t, frozen.Resume())
	told := counts(asked())
	r.requireOfOneHistory(t, before())
	t.Log(told)
	require.Positive(t, told["503 restoring"])
	require.Empty(t, slices.DeleteFunc(slices.Collect(maps.Keys(told)), func(text string) bool {
		return text == "503 restoring" || strings.Contains(text, "connection re") || strings.Contains(text, "EOF")
	}), "what reached it just as it ended has no answer")
	require.Eventually(t, func() bool { now := frozen.PID(); return now > 0 && now != pid }, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool { return readiness(frozen.StatusAddr()) == "200 ready" }, patience, 10*time.Millisecond)
	after := direct.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(r.product, 1))
	require.True(t, r.has(t, answer{Answer: after}))
	r.load.end()
	r.nothingWasAnsweredMeanwhile(t)
	r.whatWasAcknowledgedIsThere(t)
}

// requireOfOneHistory holds that what a replica was asked just before it stood still was done before the restore, or not at all.
func (r *story) requireOfOneHistory(t *testing.T, answers []answer) {
	t.Helper()
	t.Log("asked just before:", counts(answers))
	for _, a := range answers {
		if a.write && a.err == nil && a.Status == http.StatusCreated {
			require.False(t, r.has(t, a), "it was acknowledged, and belongs to the data of before")
		}
	}
}

// askAll sends n requests to a replica, reads and writes. It gives a function that waits for their answers, and tells of the first.
func (r *story) askAll(t *testing.T, direct *shoptest.Client, n int) (all func() []answer, first <-chan struct{}) {
	t.Helper()
	var waiting, sent sync.WaitGroup
	answered := make(chan struct{}, n)
	answers := make([]answer, n)
	for i := range answers {
		sent.Add(1)
		waiting.Go(func() {
			answers[i] = answer{sent: time.Now(), write: i%2 == 0}
			method, path, body := "GET", "/v1/products/"+r.product, any(nil)
			if answers[i].write {
				method, path, body = "POST", "/v1/purchases", shoptest.Order(r.product, 1)
			}
			sent.Done()
			answers[i].Answer, answers[i].err = direct.NewConnections().Try(t.Context(), method, path, body)
			answered <- struct{}{}
		})
	}
	sent.Wait()
	return func() []answer { waiting.Wait(); return answers }, answered
}

func TestAReplicaThatIsKilledAtAnyStepOfARestoreServesTheNewDataAfterwards(t *testing.T) {
	r := begin(t, "")
	victim := r.s.Process("api-1")
	kill := func(step string) {
		pid := victim.PID()
		require.NoError(t, victim.Kill(), step)
		require.Eventually(t, func() bool { now := victim.PID(); return now > 0 && now != pid }, patience, 10*time.Millisecond, step)
	}
	r.await(t, len(r.load.all(bought))+20, bought) // which are not in the backup
	r.held = r.n.hold(t)
	kill("the mark is there")
	r.await(t, 40, sentAfter(r.held))
	r.awaitsTheEnd(t, "api-1")
	r.replacing = time.Now()
	r.n.replace(t, r.backup)
	kill("the data is replaced")
	replaced := time.Now()
	r.await(t, 40, sentAfter(replaced))
	r.reopen(t)
	kill("the shop is open")
	for _, name := range []string{"api-1", "api-2"} {
		r.await(t, 50, func(a answer) bool { return bought(a) && a.Header.Get("X-Served-By") == name && a.sent.After(r.opened) })
	}
	r.load.end()
	r.nothingWasAnsweredMeanwhile(t)
	r.whatWasAcknowledgedIsThere(t)
}

// awaitsTheEnd returns when a replica that has started meanwhile says that it waits for the end of the restore.
func (r *story) awaitsTheEnd(t *testing.T, name string) {
	t.Helper()
	require.Eventually(t, func() bool { return readiness(r.s.Process(name).StatusAddr()) == "503 a restore is under way" },
		patience, 10*time.Millisecond)
}

// readiness gives what /readyz says; "" while nothing answers.
func readiness(address string) string {
	answer, err := http.Get("http://" + address + "/readyz") //nolint:noctx // the test's own process
	if err != nil {
		return ""
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	return fmt.Sprint(answer.StatusCode, " ", strings.TrimSpace(string(text)))
}
