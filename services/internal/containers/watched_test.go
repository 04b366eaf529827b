//go:build containers

package containers_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// targets is how many of each job there are to be scraped besides the API replicas, without the pipeline of the logs.
var targets = map[string]int{
	"redis": 3, "sentinel": 3, "redis-exporter": 1, "nginx": 2, "node": 1, "prometheus": 1, "alertmanager": 1, "backup": 1,
}

// fresh are the series of a selector that have a value of the last four scrapes. A series whose labels change, as a role
// does in a failover, ends with the next scrape; but a Prometheus that was made anew in between has nobody to end the
// old one, and shows it for five minutes more.
func fresh(selector string) string {
	return fmt.Sprintf("(%[1]s and timestamp(%[1]s) > time() - 20)", selector)
}

func TestPrometheusSeesAllOfTheShopAndTellsAlertmanager(t *testing.T) {
	s := whole(t)
	wanted := maps.Clone(targets)
	wanted["api"] = len(s.Named("api-")) // an earlier test may have added some
	all := 0
	for job, n := range wanted {
		all += n
		await(t, time.Minute, "every target of "+job+" is up", func() bool {
			return s.countByPrometheus(t, fmt.Sprintf("up{job=%q} == 1", job)) == n
		})
	}
	require.Equal(t, all, s.countByPrometheus(t, "up"), "and there is nothing else")
	for expression, n := range map[string]int{
		`redis_up == 1`: 6, `redis_exporter_last_scrape_error == 0`: 6,
		fresh(`redis_instance_info{job="redis", role="master"}`): 1, fresh(`redis_instance_info{job="redis", role="slave"}`): 2,
		fresh(`redis_sentinel_master_ckquorum_status`) + ` == 1`: 3,
		`nginx_up == 1`: 2,
		`prometheus_notifications_alertmanagers_discovered == 1`: 1,
		`count(node_cpu_seconds_total)`:                          1,
		// The machine's own memory and disk, and not what the container may have of them.
		`node_memory_MemTotal_bytes > 2^30`:                 1,
		`node_filesystem_size_bytes{mountpoint="/"} > 2^30`: 1,
	} {
		await(t, time.Minute, expression, func() bool { return s.countByPrometheus(t, expression) == n })
	}
	for _, node := range append(s.Named("redis-"), s.Named("sentinel-")...) {
		port := "6379"
		if strings.HasPrefix(node.Name(), "sentinel-") {
			port = "26379"
		}
		refused, err := node.Exec(t.Context(), "sh", "-c",
			fmt.Sprintf("REDISCLI_AUTH=$REDIS_ADMIN_PASSWORD redis-cli --user $REDIS_ADMIN_USER -h $NODE_ADDRESS -p %s ACL LOG", port))
		require.NoError(t, err)
		assert.Empty(t, strings.TrimSpace(refused), "%s has refused something", node.Name())
	}
}

func TestAnAlertEndsAsAMailInTheCatcher(t *testing.T) {
	s := whole(t)
	alert := `[{"labels": {"alertname": "TriedByATest", "instance": "sentinel-2", "severity": "page"}, "annotations": {"summary": "raised by hand"}}]`
	answer, err := http.Post("http://127.0.0.1:"+s.Setting("ALERTMANAGER_PORT")+"/api/v2/alerts", "application/json", strings.NewReader(alert))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	await(t, time.Minute, "the mail is there", func() bool { return strings.Contains(s.mails(t), "TriedByATest") })
}

// mails is what the catcher has, as Mailpit tells it, or as lies in the files of the offline image's program.
func (s *shop) mails(t *testing.T) string {
	t.Helper()
	answer, err := http.Get("http://127.0.0.1:" + s.Setting("MAIL_PORT") + "/api/v1/messages")
	if err == nil {
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return string(text)
	}
	text, err := s.Service("mail").Exec(t.Context(), "sh", "-c", "cat /tmp/mail/*.eml 2>/dev/null || true")
	require.NoError(t, err)
	return text
}
