package dashboards

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

// answers are what the program that draws pictures is given: all that Grafana would have been answered.
type answers struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Step is in milliseconds.
	Step int64 `json:"step"`
	// Queries are the series of each panel's queries and of each annotation, by where they stand.
	Queries map[string]model.Matrix `json:"queries"`
}

// keepAnswers writes them into the file that DASHBOARD_ANSWERS names, if it names one.
func (d *day) keepAnswers(t *testing.T) {
	t.Helper()
	file := os.Getenv("DASHBOARD_ANSWERS")
	if file == "" {
		return
	}
	all := answers{From: d.began, To: d.ended, Step: step.Milliseconds(), Queries: map[string]model.Matrix{}}
	for _, query := range queries(t) {
		if query.datasource != metrics {
			continue
		}
		from := d.began
		if query.instant {
			from = d.ended
		}
		all.Queries[query.where] = d.prometheus.over(t, filledIn(query.expr, ".+", d.shown()), from, d.ended)
	}
	text, err := json.Marshal(all)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
}
