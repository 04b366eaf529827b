package dashboards

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What those who look at the dashboards must see, at the moments that matter.

func (d *day) health(t *testing.T) {
	for _, when := range []time.Time{d.calm, d.ended} {
		require.InDelta(t, 1, d.shows(t, when, "shop", "Can the shop sell?"), 0)
		for _, part := range []string{"nginx", "API", "Redis nodes", "Replication", "Sentinels", "Monitoring"} {
			require.Zero(t, d.shows(t, when, "shop", part), part)
		}
		require.Len(t, d.each(t, when, "instance", "shop", "Primary"), 1)
		require.InDelta(t, 1, d.shows(t, when, "redis-ha", "Quorum"), 0)
		require.Equal(t, map[string]float64{"sentinel-1": 1, "sentinel-2": 1, "sentinel-3": 1}, d.each(t, when, "instance", "redis-ha", "What each Sentinel says of the primary"))
	}
	ofMachine := d.prometheus.at(t, `count(ALERTS{alertstate="firing", `+machine+`}) or vector(0)`, d.calm)
	require.InDelta(t, float64(ofMachine[0].Value), d.shows(t, d.calm, "shop", "Alerts firing"), 0)
	require.Equal(t, map[string]float64{d.was: 1}, d.each(t, d.calm, "instance", "shop", "Primary"))
	require.Empty(t, d.note(t, "Failover", "master_address", d.began, d.calm))
	for _, alert := range d.note(t, "Alert", "alertname", d.calm, d.calm) {
		require.Regexp(t, "^(Disk|HostMemory)", alert)
	}
	for _, of := range []string{"Write", "Read"} {
		require.InDelta(t, 1, d.shows(t, d.calm, "shop", of+" budget left"), 0.001)
	}
	require.Zero(t, d.shows(t, d.ended, "redis-ha", "Evicted keys"))
	require.Zero(t, d.shows(t, d.ended, "edge-api", "Writes with an unknown outcome"))
	for share, most := range map[string]float64{"Processor used": 1, "Memory used": 1, "Fullest disk": 1} {
		value := d.shows(t, d.calm, "host-stack", share)
		require.Greater(t, value, 0.0, share)
		require.LessOrEqual(t, value, most, share)
	}
}

func (d *day) frozenReplica(t *testing.T) {
	const byAPI = "Lag of each replica, in seconds, by the API"
	for node, lag := range d.each(t, d.calm, "node", "redis-ha", byAPI) {
		require.Less(t, lag, 2.0, node)
	}
	require.Greater(t, d.each(t, d.frozen, "node", "redis-ha", byAPI)[d.frozenNode], 3.0)
	most := 0.0
	for _, lag := range d.each(t, d.frozen, "slave_ip", "redis-ha", "Lag of each replica, in bytes") {
		most = max(most, lag)
	}
	for _, lag := range d.each(t, d.calm, "slave_ip", "redis-ha", "Lag of each replica, in bytes") {
		require.Less(t, lag, most)
	}
	require.Positive(t, most)
	require.InDelta(t, 1, d.shows(t, d.frozen, "shop", "Can the shop sell?"), 0, "the other replica is enough")
}

func (d *day) failover(t *testing.T) {
	const roles = "Role of each node"
	before, after := d.each(t, d.calm, "instance", "redis-ha", roles), d.each(t, d.ended, "instance", "redis-ha", roles)
	require.InDelta(t, 2, before[d.was], 0)
	require.InDelta(t, 1, before[d.became], 0)
	require.InDelta(t, 0, d.each(t, d.noPrimary, "instance", "redis-ha", roles)[d.was], 0)
	require.InDelta(t, 1, after[d.was], 0)
	require.InDelta(t, 2, after[d.became], 0)

	require.Zero(t, d.shows(t, d.noPrimary, "shop", "Can the shop sell?"))
	require.InDelta(t, 1, d.shows(t, d.noPrimary, "shop", "Redis nodes"), 0)
	require.Zero(t, d.shows(t, d.calm, "shop", "Failovers"))
	require.InDelta(t, 1, d.shows(t, d.ended, "shop", "Failovers"), 0)
	require.Equal(t, map[string]float64{d.became: 1}, d.each(t, d.ended, "instance", "redis-ha", "Primary"))
	require.Equal(t, map[string]float64{d.becameAddress: 2}, d.each(t, d.ended, "addr", "redis-ha", "Address, says the API"))
	require.Equal(t, map[string]float64{d.becameAddress: 3}, d.each(t, d.ended, "master_address", "redis-ha", "Address, say the Sentinels"))
	require.Equal(t, []string{d.becameAddress}, d.note(t, "Failover", "master_address", d.began, d.ended))
	require.Contains(t, d.note(t, "Alert", "alertname", d.calm, d.ended), "NoPrimary")

	retried := 0.0
	for _, series := range d.prometheus.over(t, d.panel(t, "edge-api", "Groups submitted again, by cause"), d.calm, d.ended) {
		for _, rate := range numbers(series) {
			retried = max(retried, rate)
		}
	}
	require.Positive(t, retried, "the committer held writes and submitted them again")
}

func (d *day) deadAPI(t *testing.T) {
	require.InDelta(t, 1, d.shows(t, d.apiDown, "shop", "API"), 0)
	// The dead one may be back by then.
	sells := map[string][]float64{}
	for _, series := range d.prometheus.over(t, d.panel(t, "shop", "When each API replica could sell"), d.apiDown, d.apiDown.Add(5*time.Second)) {
		sells[string(series.Metric["instance"])] = numbers(series)
	}
	require.Contains(t, sells["api-2"], 1.0, "the other replica sells")
	require.NotContains(t, d.each(t, d.apiDown, "instance", "shop", "When each API replica could sell"), "api-1")
	require.GreaterOrEqual(t, d.shows(t, d.apiDown, "shop", "Alerts firing"), 1.0)
	require.Contains(t, d.note(t, "API started", "instance", d.apiDown, d.ended), "api-1")
	require.InDelta(t, 3, d.each(t, d.apiDown, "alertname", "shop", "Alerts, by name")["ApiDown"], 0)
	sent := 0.0
	for _, rate := range d.each(t, d.apiDown, "instance", "edge-api", "Requests sent on to another replica") {
		sent += rate
	}
	require.Positive(t, sent, "what was in flight at the dead replica went to the other")
}

func (d *day) sales(t *testing.T) {
	// An increase is an estimate: a counter is read once a second, and a killed replica takes its last second with it.
	for currency, per := range map[string]float64{"EUR": 100, "USD": 100, "JPY": 1, "KWD": 1000, "CLF": 10000} {
		shown := 0.0
		for _, letter := range []string{"A", "B", "C", "D"} {
			for _, sample := range d.prometheus.at(t, d.panel(t, "shop", "Revenue in the time shown", letter), d.ended) {
				if string(sample.Metric["currency"]) == currency {
					shown += float64(sample.Value)
				}
			}
		}
		require.InEpsilon(t, d.revenue[currency]/per, shown, 0.35, currency)
	}
	require.InDelta(t, d.soldOut, d.shows(t, d.ended, "shop", "Sold out and refused"), 1)
	require.InDelta(t, d.soldOut, d.shows(t, d.ended, "shop", "Sold out and refused", "B"), 1)
	for status, rate := range d.each(t, d.calm, "status", "shop", "Purchases a minute, by what became of them") {
		require.Positive(t, rate, status)
	}
}
