package alerts_test

import (
	"context"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// `make soak` runs it, and says how long a shop that is well has to say nothing: ten minutes under load and then a restart of everything,
// one after the other, are far too long for every day, and wanted before a release. What Prometheus has seen firing, and what has been mailed, must be the watchdog alone.
func TestAShopThatIsWellSaysNothingUnderLoadAndWhileEverythingIsRestarted(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		t.Skip("takes a quarter of an hour: make soak")
	}
	quiet, err := time.ParseDuration(os.Getenv("SOAK"))
	require.NoError(t, err)
	shop := start(t)
	shop.well()
	began := time.Now()
	load := shop.load()
	shop.lasts(quiet)
	shop.silent("in quiet minutes")
	t.Logf("%v under load: nothing fired but the watchdog", time.Since(began).Round(time.Second))

	began = time.Now()
	shop.restartEverything()
	// Longer than the longest time that an alert about what was restarted has to last, and than its mail takes.
	shop.lasts(4 * time.Minute)
	shop.silent("in a rolling restart")
	t.Logf("a restart of everything: nothing fired but the watchdog, in %v", time.Since(began).Round(time.Second))
	load.end(t, quiet)
}

// lasts returns when so much time has passed; sooner, and failing, when an alert fires.
func (w watched) lasts(long time.Duration) {
	w.t.Helper()
	tick, over := time.NewTicker(5*time.Second), time.After(long)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			require.Empty(w.t, w.query(unexpected(`,alertstate="firing"`)))
		}
	}
}

// silent holds that nothing has fired, or been mailed, since the stack was started.
func (w watched) silent(when string) {
	w.t.Helper()
	require.Empty(w.t, w.query("count_over_time("+unexpected(`,alertstate="firing"`)+"[1h])"), when)
	require.Empty(w.t, w.mailedAlerts(), when)
	for _, pending := range w.query(`count_over_time(ALERTS{alertstate="pending"}[1h])`) {
		w.t.Logf("%s: %s was pending for a moment %v", when, pending["alertname"], pending)
	}
}

// restartEverything restarts one process after the other as an upgrade does: each is asked to end and is back before the
// next one goes, and the primary, which comes last, hands its role over first.
func (w watched) restartEverything() {
	w.t.Helper()
	primary, _ := w.roles()
	for _, p := range w.Processes() {
		if p != primary {
			w.restart(p)
		}
	}
	require.NoError(w.t, w.Handover(w.t.Context(), func(string, ...any) {}))
	w.restart(primary)
}

func (w watched) restart(p *stack.Process) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	require.NoError(w.t, p.Restart(ctx), p.Name())
	require.NoError(w.t, w.AwaitHealthy(ctx), "after %s", p.Name())
}

// perSecond is how many requests a load sends: a busy small shop.
const perSecond = 40

// load is somebody who looks at a product and buys it, again and again.
type load struct {
	stop              context.CancelFunc
	flying            sync.WaitGroup
	answered, unheard atomic.Int64
	refused           atomic.Int64
	product           string
	client            *shoptest.Client
}

func (w watched) load() *load {
	w.t.Helper()
	admin := shoptest.Admin(w.t, w.Stack)
	ctx, cancel := context.WithCancel(w.t.Context())
	l := &load{stop: cancel, client: admin, product: shoptest.Product(w.t, admin, 1_000_000)}
	w.t.Cleanup(cancel)
	l.flying.Go(func() {
		tick := time.NewTicker(time.Second / perSecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				l.flying.Go(func() { l.send(w.t.Context(), i%4 == 0) })
			}
		}
	})
	return l
}

func (l *load) send(ctx context.Context, buy bool) {
	method, path, body := http.MethodGet, "/v1/products/"+l.product, any(nil)
	if buy {
		method, path, body = http.MethodPost, "/v1/purchases", shoptest.Order(l.product, 1)
	}
	answer, err := l.client.Try(ctx, method, path, body)
	switch {
	case err != nil:
		l.unheard.Add(1) // of a kept connection that a restarted nginx has just closed
	case answer.Status >= http.StatusInternalServerError:
		l.refused.Add(1)
	default:
		l.answered.Add(1)
	}
}

// end stops the load and holds that the shop had reason to be silent.
func (l *load) end(t *testing.T, quiet time.Duration) {
	t.Helper()
	l.stop()
	l.flying.Wait()
	t.Logf("%d requests answered, %d with 5xx, %d without an answer", l.answered.Load(), l.refused.Load(), l.unheard.Load())
	require.Zero(t, l.refused.Load())
	require.Greater(t, l.answered.Load(), int64(perSecond*quiet.Seconds()/2))
}
