package dashboards

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// day is what has happened to a shop, and when Prometheus saw it.
type day struct {
	prometheus asked
	// began and ended are the time that is shown.
	began, ended time.Time
	// was and became are primary before and after the failover; frozenNode is the address of the replica that stood still.
	was, became, becameAddress, frozenNode string
	// calm is a moment when all was well; the others are moments in the middle of a fault.
	calm, frozen, noPrimary, apiDown time.Time
	soldOut                          int
	// revenue is what was paid, in minor units, and a little less, since it was asked for a little earlier.
	revenue map[string]float64
}

// shown is the whole day, as $__range has it.
func (d *day) shown() string {
	return (d.ended.Sub(d.began).Round(time.Second)).String()
}

// quick is what each scrape, evaluation and delay takes instead of 5 s, 15 s or minutes.
const quick = "2s"

// machine are the alerts about the host: the one that the tests run on may be as full as it likes.
const machine = `alertname=~"Disk.*|HostMemoryLow"`

// well is when nothing is wrong with the shop and nobody is warned of anything.
const well = `sum(up) == count(up) and on () sum(redis_up) == 6 and on () avg(shop_write_probe_success) == 1
  and on () count(redis_master_link_up == 1) == 2 and on () min(redis_sentinel_master_ok_slaves) == 2
  and on () count(redis_sentinel_master_status{master_status="ok"}) == 3 and on () sum(nginx_up) == 2
  unless on () ALERTS{severity=~"page|ticket", alertname!~"Disk.*|HostMemoryLow"}`

// compressed copies the shipped files and makes them quick. Nothing else is changed, so that the jobs, labels, rules and alerts are those that ship.
func compressed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"redis", "nginx", "prometheus"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(root, name))))
	}
	text, err := os.ReadFile(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env.example"), text, 0o600))

	slow := regexp.MustCompile(`(?m)^(\s*(?:scrape_interval|scrape_timeout|evaluation_interval|for|keep_firing_for|interval|group_wait|group_interval): ).*$`)
	changed := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(dir, "prometheus"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yml" || strings.Contains(path, "/tests/") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		changed += len(slow.FindAll(text, -1))
		return os.WriteFile(path, slow.ReplaceAll(text, []byte("${1}"+quick)), 0o600)
	}))
	require.Greater(t, changed, 20)
	return dir
}

// live takes a shop through a day: all is well, products sell out, a replica freezes, the primary dies, an API replica dies.
func live(t *testing.T) *day {
	t.Helper()
	shop := stack.StartT(t, stack.Options{
		Services: stack.WithObservers(), Files: compressed(t), Settings: stack.WithHighQuotas(map[string]string{
			"RESERVATION": "3s", "ADMIN_EMAIL": "owner@example.com", "RATE_USER_PER_SECOND": "10000",
			// Without a primary for so long that NoPrimary fires, whenever the scrapes fall: the first that misses it may be 2 s
			// late, and two evaluations 2 s apart have to see that.
			"SENTINEL_DOWN_AFTER_MS": "6000",
			"BACKUP_TARGETS":         t.TempDir(), "BACKUP_PUBLIC_KEYS": shoptest.BackupKey(t), "BACKUP_SHIP_EVERY": "2s",
		}),
	})
	d := &day{prometheus: ask(t, shop.Process("prometheus").Addr()), soldOut: 5, revenue: map[string]float64{}}
	d.began = d.prometheus.becomes(t, well)
	trade := begin(t, shoptest.Admin(t, shop))
	d.prometheus.becomes(t, `sum(rate(shop_purchases_total{status="expired"}[10s])) > 0 and on () sum(rate(shop_purchases_total{status="refunded"}[10s])) > 0`)
	trade.sellOut(t, d.soldOut)
	d.prometheus.passes(t, d.quiet(t))
	d.calm = d.prometheus.becomes(t, well)

	d.freezeReplica(t, shop)
	d.killPrimary(t, shop)
	d.killAPI(t, shop)
	for currency := range prices {
		d.revenue[currency] = trade.revenue(currency)
	}
	d.prometheus.passes(t, d.quiet(t))
	d.ended = d.prometheus.becomes(t, well)
	return d
}

// quiet is how long nothing happens between two faults; pictures want more of it than tests.
func (d *day) quiet(t *testing.T) time.Duration {
	t.Helper()
	if given := os.Getenv("DASHBOARD_QUIET"); given != "" {
		quiet, err := time.ParseDuration(given)
		require.NoError(t, err)
		return quiet
	}
	return 5 * time.Second
}

func (d *day) freezeReplica(t *testing.T, shop *stack.Stack) {
	t.Helper()
	var err error
	d.was, err = shop.Primary(t.Context())
	require.NoError(t, err)
	replica := "redis-1"
	if d.was == replica {
		replica = "redis-2"
	}
	d.frozenNode = shop.Process(replica).Addr()
	require.NoError(t, shop.Process(replica).Pause())
	// The first write waits for the frozen one, and so may both probes; the next do not.
	d.frozen = d.prometheus.becomes(t, `max(shop_redis_replica_lag_seconds) > 3 and on () max(redis_connected_slave_lag_seconds) >= 2
  and on () avg(shop_write_probe_success) == 1`)
	require.NoError(t, shop.Process(replica).Resume())
	d.prometheus.becomes(t, `max(shop_redis_replica_lag_seconds) < 2 and on () min(redis_master_link_up) == 1 and on () count(redis_up == 1) == 6`)
	d.prometheus.passes(t, d.quiet(t))
}

func (d *day) killPrimary(t *testing.T, shop *stack.Stack) {
	t.Helper()
	killed := time.Now()
	require.NoError(t, shop.Process(d.was).Kill())
	d.prometheus.becomes(t, `count(redis_instance_info{role="master", instance!="`+d.was+`"}) == 1`)
	over := d.prometheus.becomes(t, `avg(shop_write_probe_success) == 1 and on () count(count by (master_address) (redis_sentinel_master_status)) == 1`)
	d.noPrimary = d.prometheus.was(t, `avg(shop_write_probe_success) == 0 and on () redis_up{instance="`+d.was+`"} == 0`, killed, over)
	var err error
	d.became, err = shop.AwaitPrimary(t.Context(), func(name string) bool { return name != d.was })
	require.NoError(t, err)
	d.becameAddress = shop.Process(d.became).Addr()
	require.NoError(t, shop.Process(d.was).Restart(t.Context()))
	d.prometheus.becomes(t, `count(redis_master_link_up == 1) == 2`)
	d.prometheus.passes(t, d.quiet(t))
}

func (d *day) killAPI(t *testing.T, shop *stack.Stack) {
	t.Helper()
	require.NoError(t, shop.Process("api-1").Kill())
	d.apiDown = d.prometheus.becomes(t, `up{instance="api-1"} == 0 and on () ALERTS{alertname="ApiDown", alertstate="firing"} and on () sum(rate(shop_http_retried_requests_total[10s])) > 0`)
	d.prometheus.becomes(t, `sum(rate(alertmanager_notifications_total{integration="email"}[10s])) > 0`)
	require.NoError(t, shop.Process("api-1").Restart(t.Context()))
	d.prometheus.becomes(t, `sum(up{job="api"}) == 2 and on () avg(shop_write_probe_success) == 1`)
}
