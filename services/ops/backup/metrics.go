package backup

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"evergreen/services/ops/backup/archive"
)

// Metrics are what the backup service tells Prometheus. docs/metrics.md says what each of them means.
type Metrics struct {
	Registry                                            *prometheus.Registry
	configured, wanted, noRoom                          prometheus.Gauge
	lastVerified, lastFull, size, data                  prometheus.Gauge
	fullSeconds, verifySeconds, spoolBytes, leftOut     prometheus.Gauge
	lastShipped                                         *prometheus.GaugeVec
	targetFailures, chains                              *prometheus.CounterVec
	captureFailures, verificationFailures, shippedBytes prometheus.Counter

	mu                 sync.Mutex
	verifiedAt, fullAt int64
}

// NewMetrics makes the metrics. The series of each target are there from the start.
func NewMetrics(targets []string) *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry()}
	gauge := func(name, help string) prometheus.Gauge {
		made := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		m.Registry.MustRegister(made)
		return made
	}
	counter := func(name, help string) prometheus.Counter {
		made := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.Registry.MustRegister(made)
		return made
	}
	m.configured = gauge("shop_backup_configured", "1: a target and a public key are set.")
	m.wanted = gauge("shop_backup_wanted", "1: a target is set, or the shop is published beyond loopback.")
	m.noRoom = gauge("shop_backup_no_room", "1: the last backup or verification found too little memory or disk on this host.")
	m.lastVerified = gauge(
		"shop_backup_last_verified_seconds",
		"When a full backup was last restored and checked, in seconds since 1970; 0: never.",
	)
	m.lastFull = gauge(
		"shop_backup_last_full_seconds",
		"When a full backup was last complete in a target, in seconds since 1970; 0: never.",
	)
	m.size = gauge("shop_backup_size_bytes", "Encrypted size of the last full backup.")
	m.data = gauge("shop_backup_data_bytes", "Size of the append-only files in the last full backup.")
	m.fullSeconds = gauge("shop_backup_duration_seconds", "How long the last full backup took until it was in a target.")
	m.verifySeconds = gauge("shop_backup_verification_duration_seconds", "How long the last verification took.")
	m.spoolBytes = gauge("shop_backup_spool_bytes", "Bytes that are made and not yet in all targets.")
	m.leftOut = gauge("shop_backup_targets_left_out", "Targets that fell behind and are left out until the next full backup.")
	m.captureFailures = counter("shop_backup_failures_total", "Full backups and shipments that could not be made.")
	m.verificationFailures = counter("shop_backup_verification_failures_total", "Verifications that failed.")
	m.shippedBytes = counter("shop_backup_shipped_bytes_total", "Encrypted bytes of segments that were put into targets.")
	m.vectors(targets)
	return m
}

func (m *Metrics) vectors(targets []string) {
	m.lastShipped = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "shop_backup_last_shipped_seconds",
		Help: "The primary's clock of the newest write that is surely in the target, in seconds since 1970; 0: none.",
	}, []string{"target"})
	m.targetFailures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "shop_backup_target_failures_total", Help: "Failed requests to a target.",
	}, []string{"target"})
	m.chains = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "shop_backup_chains_total", Help: "Full backups that were begun, by why.",
	}, []string{"cause"})
	m.Registry.MustRegister(m.lastShipped, m.targetFailures, m.chains)
	for _, target := range targets {
		m.lastShipped.WithLabelValues(target)
		m.targetFailures.WithLabelValues(target)
	}
	for _, cause := range []string{causeStart, causeSchedule, causeChanged, causeSilent} {
		m.chains.WithLabelValues(cause)
	}
}

// Why a full backup is begun.
const (
	causeStart    = "start"
	causeSchedule = "schedule"
	causeChanged  = "changed-files"
	causeSilent   = "silent-node"
)

// recalled sets what an earlier service had done, unless this one has done it since.
func (m *Metrics) recalled(verifiedMillis, fullMillis int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.verifiedAt, m.fullAt = max(m.verifiedAt, verifiedMillis), max(m.fullAt, fullMillis)
	m.lastVerified.Set(float64(m.verifiedAt) / 1000)
	m.lastFull.Set(float64(m.fullAt) / 1000)
}

// fulls notes a full backup that is complete in a target.
func (m *Metrics) fulls(full archive.Full) {
	m.size.Set(float64(full.Bytes))
	m.data.Set(float64(full.DataBytes))
	now := time.Now()
	m.fullSeconds.Set(now.Sub(time.UnixMilli(full.StartedMillis)).Seconds())
	m.recalled(0, now.UnixMilli())
}

// verified notes a verification.
func (m *Metrics) verified(note archive.Verified) {
	m.verifySeconds.Set(float64(note.DurationMillis) / 1000)
	m.recalled(note.VerifiedMillis, 0)
}

// Configured notes whether backups are made, and whether they should be.
func (m *Metrics) Configured(settings Settings, usable bool) {
	m.configured.Set(0)
	m.wanted.Set(0)
	if usable && settings.Configured() {
		m.configured.Set(1)
	}
	if len(settings.Targets) > 0 || settings.Published {
		m.wanted.Set(1)
	}
}
