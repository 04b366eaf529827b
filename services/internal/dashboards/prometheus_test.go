package dashboards

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// step is how close together the points are that are asked for.
const step = time.Second

// asked is a Prometheus that answers as it answers Grafana.
type asked struct{ prometheus.API }

func ask(t *testing.T, addr string) asked {
	t.Helper()
	client, err := api.NewClient(api.Config{Address: "http://" + addr})
	require.NoError(t, err)
	return asked{prometheus.NewAPI(client)}
}

// over gives what an expression was from one time to another.
func (a asked) over(t *testing.T, expr string, from, to time.Time) model.Matrix {
	t.Helper()
	value, _, _, err := a.QueryRange(t.Context(), expr, prometheus.Range{Start: from, End: to, Step: step})
	require.NoError(t, err, expr)
	return value.(model.Matrix)
}

// at gives what an expression was at a time.
func (a asked) at(t *testing.T, expr string, when time.Time) model.Vector {
	t.Helper()
	value, err := a.try(t.Context(), expr, when)
	require.NoError(t, err, expr)
	return value
}

func (a asked) try(ctx context.Context, expr string, when time.Time) (model.Vector, error) {
	value, _, _, err := a.Query(ctx, expr, when)
	if err != nil {
		return nil, err
	}
	return value.(model.Vector), nil
}

// settled is how old a moment is when all that belongs to it has arrived: the time-out of a scrape.
const settled = 2 * time.Second

// becomes waits until an expression has an answer, and gives the time when it had. PromQL's comparisons leave out what
// does not fit, so the condition stands in the expression.
func (a asked) becomes(t *testing.T, expr string) time.Time {
	t.Helper()
	var when time.Time
	require.Eventually(t, func() bool {
		when = time.Now().Add(-settled)
		found, err := a.try(t.Context(), expr, when)
		return err == nil && len(found) > 0
	}, 90*time.Second, 200*time.Millisecond, "Prometheus never saw: %s", expr)
	return when
}

// was gives the first moment at which an expression had an answer, for what may be over before somebody has asked.
func (a asked) was(t *testing.T, expr string, from, to time.Time) time.Time {
	t.Helper()
	var first model.Time
	for _, series := range a.over(t, expr, from, to) {
		if at := series.Values[0].Timestamp; first == 0 || at < first {
			first = at
		}
	}
	require.NotZero(t, first, "Prometheus never saw: %s", expr)
	return first.Time()
}

// passes waits until Prometheus has watched for so long without a fault of its own.
func (a asked) passes(t *testing.T, calm time.Duration) {
	t.Helper()
	began := time.Now()
	require.Eventually(t, func() bool {
		found, err := a.try(t.Context(), `timestamp(up{job="prometheus"})`, time.Now())
		return err == nil && len(found) == 1 && float64(found[0].Value) > float64(began.Add(calm).Unix())
	}, calm+time.Minute, 200*time.Millisecond)
}

// numbers leaves out what is not a number: a rate of nothing by nothing.
func numbers(series *model.SampleStream) (found []float64) {
	for _, sample := range series.Values {
		if !math.IsNaN(float64(sample.Value)) {
			found = append(found, float64(sample.Value))
		}
	}
	return found
}
