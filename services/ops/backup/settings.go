package backup

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/source"
	"evergreen/services/ops/backup/target"
	"evergreen/services/ops/redisnode"
)

// Settings are what the backup service needs to know.
type Settings struct {
	// Targets are addresses of targets; target.Open says which forms they have.
	Targets     []string
	Credentials target.Credentials
	// Recipients are the public keys that backups are encrypted to.
	Recipients []age.Recipient
	// Every is the time between two full backups, ShipEvery that between two shipments of what was written since.
	Every, ShipEvery time.Duration
	// Keep is how many chains a target keeps at least, KeepDays for how long it keeps more than that.
	Keep, KeepDays int
	// BytesPerSecond bounds what is read from the append-only files, and what is read back from targets.
	BytesPerSecond int64
	// SpoolBytes bounds what is made and not yet in all targets.
	SpoolBytes int64
	// ScratchBytes bounds the memory of the scratch server; 0: what the host has left.
	ScratchBytes int64
	Nodes        []source.Node
	Login        redisnode.Login
	// Dir is the service's own directory.
	Dir string
	// Metrics is the address of /metrics.
	Metrics string
	// Published reports whether the shop is published beyond loopback.
	Published bool
}

// Configured reports whether there is a target and a public key.
func (s Settings) Configured() bool { return len(s.Targets) > 0 && len(s.Recipients) > 0 }

// spoolBytes is the bound of the spool, unless BACKUP_SPOOL_MIB is set.
const spoolMiB = 1024

// Load reads the settings from the environment. The error names all that are wrong.
func Load(getenv func(string) string) (Settings, error) {
	r := reader{getenv: getenv}
	s := Settings{
		Targets:        split(getenv("BACKUP_TARGETS")),
		Credentials:    target.Credentials{AccessKey: getenv("BACKUP_S3_ACCESS_KEY"), SecretKey: getenv("BACKUP_S3_SECRET_KEY")},
		Every:          r.duration("BACKUP_EVERY", time.Hour, time.Second),
		ShipEvery:      r.duration("BACKUP_SHIP_EVERY", time.Minute, 100*time.Millisecond),
		Keep:           r.number("BACKUP_KEEP", 48, 1, 100_000),
		KeepDays:       r.number("BACKUP_KEEP_DAYS", 14, 0, 100_000),
		BytesPerSecond: int64(r.number("BACKUP_RATE_MIB", 20, 1, 10_000)) << 20,
		SpoolBytes:     int64(r.number("BACKUP_SPOOL_MIB", spoolMiB, 64, 1<<20)) << 20,
		ScratchBytes:   int64(r.number("BACKUP_SCRATCH_MIB", 0, 0, 1<<20)) << 20,
		Login:          redisnode.Login{User: r.text("REDIS_USER", "backup"), Password: getenv("REDIS_PASSWORD")},
		Dir:            r.text("DATA_DIR", ""),
		Metrics:        r.text("METRICS_ADDRESS", "127.0.0.1:9102"),
		Published:      beyondLoopback(getenv("PUBLISH_ADDRESS")),
	}
	for i, address := range s.Targets {
		if err := target.Check(address); err != nil {
			r.failed = append(r.failed, fmt.Errorf("BACKUP_TARGETS: %w", err))
			s.Targets[i] = fmt.Sprintf("target-%d", i+1) // It becomes a label.
		}
	}
	var err error
	if s.Recipients, err = archive.ParseRecipients(getenv("BACKUP_PUBLIC_KEYS")); err != nil {
		r.failed = append(r.failed, err)
	}
	s.Nodes = r.nodes(getenv("REDIS_NODES"), getenv("NODES_DIR"))
	if s.Dir == "" {
		r.failed = append(r.failed, errors.New("DATA_DIR is missing"))
	}
	return s, errors.Join(r.failed...)
}

// reader collects what is wrong with the environment.
type reader struct {
	getenv func(string) string
	failed []error
}

func (r *reader) text(name, otherwise string) string {
	if text := r.getenv(name); text != "" {
		return text
	}
	return otherwise
}

func (r *reader) number(name string, otherwise, least, most int) int {
	text := r.getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		r.failed = append(r.failed, fmt.Errorf("%s=%s is not a number from %d to %d", name, text, least, most))
	}
	return n
}

func (r *reader) duration(name string, otherwise, least time.Duration) time.Duration {
	text := r.getenv(name)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least {
		r.failed = append(r.failed, fmt.Errorf("%s=%s is not a duration of at least %s, such as 60s or 1h", name, text, least))
	}
	return d
}

// nodes names the Redis nodes: the first address is that of redis-1, whose files are in NODES_DIR/redis-1.
func (r *reader) nodes(addresses, dir string) []source.Node {
	var nodes []source.Node
	for i, address := range split(addresses) {
		name := "redis-" + strconv.Itoa(i+1)
		if !strings.Contains(address, ":") {
			address = net.JoinHostPort(address, "6379")
		}
		nodes = append(nodes, source.Node{Name: name, Address: address, Dir: filepath.Join(dir, name)})
	}
	if len(nodes) == 0 || dir == "" {
		r.failed = append(r.failed, errors.New("REDIS_NODES and NODES_DIR are needed"))
	}
	return nodes
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func beyondLoopback(address string) bool {
	ip := net.ParseIP(strings.Trim(address, "[]"))
	return address != "" && address != "localhost" && (ip == nil || !ip.IsLoopback())
}
