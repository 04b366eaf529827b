package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/mailbox"
	"evergreen/services/internal/texttest"
)

// scraped are the targets that Prometheus has natively, by job.
func scraped() map[string][]string {
	return map[string][]string{
		"api":            {"api-1", "api-2"},
		"redis":          {"redis-1", "redis-2", "redis-3"},
		"sentinel":       {"sentinel-1", "sentinel-2", "sentinel-3"},
		"redis-exporter": {"redis-exporter"},
		"nginx":          {"nginx-a", "nginx-b"},
		"node":           {"host"},
		"prometheus":     {"prometheus"},
		"alertmanager":   {"alertmanager"},
		"backup":         {"backup"},
	}
}

func TestTheObserversSeeAllOfTheShopAndTellByMail(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: WithObservers()})
	within, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	// The catcher may wait for others of a group; so it begins while the rest is looked at.
	raise(t, s, "TriedByATest")

	require.NoError(t, await(within, func(ctx context.Context) error { return s.allUp(ctx, scraped()) }))
	requireFigures(within, t, s)
	refused, err := s.Refusals(within)
	require.NoError(t, err)
	require.Empty(t, refused, "what the exporter asks its user may do")
	for _, state := range Inspect(within, s.Net, s.Dir(), s.settings).Services {
		require.Empty(t, state.Trouble, state.Name)
	}
	requireNoSecretInAnyCommandLine(t, s)

	mail, err := mailbox.Await(within, s.Dir()+"/mail", func(m mailbox.Mail) bool { return strings.Contains(m.Subject, "TriedByATest") })
	require.NoError(t, err)
	require.Equal(t, []string{"alerts@evergreen.example"}, mail.To)
	require.Contains(t, mail.Body, "sentinel-2")

	require.NoError(t, s.Process("redis-3").Kill())
	require.NoError(t, await(within, func(ctx context.Context) error {
		return s.expect(ctx, "redis_up == 0 and on(instance, job) up == 1", `instance="redis-3" job="redis" 0`)
	}), "that a node is down is a figure, and not the exporter's own failure")
}

// requireFigures: whichever exporter they come through, they carry the service's name.
func requireFigures(ctx context.Context, t *testing.T, s *Stack) {
	t.Helper()
	for query, want := range map[string][]string{
		`count by (job, role) (redis_instance_info{job="redis"})`:                            {`job="redis" role="master" 1`, `job="redis" role="slave" 2`},
		`sum by (instance, job) (redis_master_link_up)`:                                      {`instance="redis-2" job="redis" 1`, `instance="redis-3" job="redis" 1`},
		`redis_memory_max_bytes / 1024^2`:                                                    {`instance="redis-1" job="redis" 512`, `instance="redis-2" job="redis" 512`, `instance="redis-3" job="redis" 512`},
		`sum(redis_aof_last_write_status)`:                                                   {` 3`},
		`sum(redis_evicted_keys_total)`:                                                      {` 0`},
		`sum(redis_sentinel_masters)`:                                                        {` 3`},
		`sum(redis_exporter_last_scrape_error)`:                                              {` 0`},
		`sum by (master_name, master_address, master_status) (redis_sentinel_master_status)`: {fmt.Sprintf(`master_address="%s.5:6379" master_name="evergreen" master_status="ok" 3`, s.Net)},
		`sum by (master_name) (redis_sentinel_master_ckquorum_status)`:                       {`master_name="evergreen" 3`},
		`sum(redis_sentinel_master_ok_slaves)`:                                               {` 6`},
		`sum(redis_sentinel_master_ok_sentinels)`:                                            {` 9`},
		`nginx_up`: {`instance="nginx-a" job="nginx" 1`, `instance="nginx-b" job="nginx" 1`},
		`count(node_memory_MemAvailable_bytes > 0)`:         {` 1`},
		`count(node_filesystem_avail_bytes) > bool 0`:       {` 1`},
		`count(node_cpu_seconds_total) > bool 0`:            {` 1`},
		`prometheus_notifications_alertmanagers_discovered`: {`instance="prometheus" job="prometheus" 1`},
		`alertmanager_alerts{state="active"} > bool 0`:      {`instance="alertmanager" job="alertmanager" state="active" 1`},
	} {
		require.NoError(t, await(ctx, func(ctx context.Context) error { return s.expect(ctx, query, want...) }))
	}
}

// expect compares the answer to a query, one text for each series: its labels without
// the name, and its value. No text stands for: it has an answer.
func (s *Stack) expect(ctx context.Context, query string, want ...string) error {
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := s.askPrometheus(ctx, "query?"+url.Values{"query": {query}}.Encode(), &answer); err != nil {
		return err
	}
	var found []string
	for _, series := range answer.Data.Result {
		text := ""
		for _, name := range slices.Sorted(maps.Keys(series.Metric)) {
			if name != "__name__" {
				text += fmt.Sprintf("%s=%q ", name, series.Metric[name])
			}
		}
		if text == "" {
			text = " "
		}
		found = append(found, text+fmt.Sprint(series.Value[1]))
	}
	slices.Sort(found)
	if len(want) == 0 && len(found) > 0 || slices.Equal(want, found) {
		return nil
	}
	return fmt.Errorf("%s is %q and not %q", query, found, want)
}

// allUp compares Prometheus's targets with what there should be.
func (s *Stack) allUp(ctx context.Context, want map[string][]string) error {
	var answer struct {
		Data struct {
			ActiveTargets []struct {
				Labels            map[string]string
				Health, LastError string
			}
		}
	}
	if err := s.askPrometheus(ctx, "targets?state=active", &answer); err != nil {
		return err
	}
	up := map[string][]string{}
	for _, target := range answer.Data.ActiveTargets {
		if target.Health != "up" {
			return fmt.Errorf("%v is %s: %s", target.Labels, target.Health, target.LastError)
		}
		up[target.Labels["job"]] = append(up[target.Labels["job"]], target.Labels["instance"])
	}
	for _, instances := range up {
		slices.Sort(instances)
	}
	if !maps.EqualFunc(want, up, slices.Equal) {
		return fmt.Errorf("up are %v and not %v", up, want)
	}
	return nil
}

func (s *Stack) askPrometheus(ctx context.Context, question string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Process("prometheus").Addr()+"/api/v1/"+question, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}

// raise tells Alertmanager of an alert, as Prometheus does.
func raise(t *testing.T, s *Stack, name string) {
	t.Helper()
	alert, err := json.Marshal([]map[string]any{{
		"labels":      map[string]string{"alertname": name, "instance": "sentinel-2", "severity": "page"},
		"annotations": map[string]string{"summary": "raised by hand"},
	}})
	require.NoError(t, err)
	answer, err := http.Post("http://"+s.Process("alertmanager").Addr()+"/api/v2/alerts", "application/json", bytes.NewReader(alert))
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

// Every user of the machine can read the command lines of all processes.
func requireNoSecretInAnyCommandLine(t *testing.T, s *Stack) {
	t.Helper()
	for _, p := range s.Processes() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID()))
		require.NoError(t, err)
		require.NotEmpty(t, line)
		for name, value := range s.settings {
			if isSecret(name) {
				texttest.NotContains(t, string(line), value, "%s in the command line of %s", name, p.Name())
			}
		}
	}
}
