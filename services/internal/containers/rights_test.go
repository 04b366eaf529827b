//go:build containers

package containers_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mute are the services whose official images hold one program, which cannot be asked from within. Prometheus asks it.
var mute = []string{"redis-exporter", "nginx-exporter-a", "nginx-exporter-b"}

func TestEveryContainerRunsWithNoRightThatItDoesNotNeed(t *testing.T) {
	s := whole(t)
	found, err := s.Inspect(t.Context())
	require.NoError(t, err)
	require.Len(t, found, len(s.Services()))
	for name, c := range found {
		h := c.HostConfig
		assert.True(t, h.ReadonlyRootfs, "%s can write to its image", name)
		assert.False(t, h.Privileged, name)
		assert.Equal(t, []string{"ALL"}, h.CapDrop, "capabilities that %s drops", name)
		assert.Empty(t, h.CapAdd, "capabilities that %s gets back", name)
		assert.Contains(t, h.SecurityOpt, "no-new-privileges:true", name)
		assert.Positive(t, h.Memory, "the limit of %s's memory", name)
		if assert.NotNil(t, h.PidsLimit, "the limit of %s's processes", name) {
			assert.Positive(t, *h.PidsLimit, "the limit of %s's processes", name)
		}
		assert.Equal(t, "json-file", h.LogConfig.Type, name)
		assert.NotEmpty(t, h.LogConfig.Config["max-size"], "%s's log may grow for ever", name)
		assert.NotEmpty(t, h.LogConfig.Config["max-file"], name)
		assert.Equal(t, "unless-stopped", h.RestartPolicy.Name, name)
		if !slices.Contains(mute, name) {
			assert.NotNil(t, c.State.Health, "nothing checks the health of %s", name)
		}
		for _, m := range c.Mounts {
			assert.False(t, m.Type == "bind" && m.RW, "%s may write to %s of the host", name, m.Source)
		}
	}
	for _, name := range []string{"redis-1", "sentinel-1", "nginx-a", "edge", "alertmanager", "node-exporter"} {
		_, err := s.Service(name).Exec(t.Context(), "sh", "-c", "echo x > /etc/x")
		require.ErrorContains(t, err, "Read-only file system", "%s wrote to its image", name)
		capabilities, err := s.Service(name).Exec(t.Context(), "grep", "CapEff", "/proc/1/status")
		require.NoError(t, err)
		assert.Equal(t, "CapEff:\t0000000000000000", strings.TrimSpace(capabilities), name)
	}
}

// mayBeRoot lists the services that need to run as root, each with the reason. There is none.
var mayBeRoot = map[string]string{}

func TestNothingRunsAsRoot(t *testing.T) {
	s := whole(t)
	for _, service := range s.Services() {
		if mayBeRoot[service.Name()] != "" {
			continue
		}
		users, err := service.Users(t.Context())
		require.NoError(t, err)
		assert.NotEmpty(t, users, service.Name())
		assert.NotContains(t, users, "0", "%s has a process of root's", service.Name())
	}
}

// knowers are the secrets of .env and who has to know each.
func knowers() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		"SECRET_KEY":                 regexp.MustCompile(`^api-`),
		"ADMIN_PASSWORD":             regexp.MustCompile(`^api-`),
		"REDIS_API_PASSWORD":         regexp.MustCompile(`^(api|redis|sentinel)-\d`),
		"REDIS_EXPORTER_PASSWORD":    regexp.MustCompile(`^(redis|sentinel)-`), // among them redis-exporter
		"REDIS_REPLICATION_PASSWORD": regexp.MustCompile(`^redis-\d`),
		"REDIS_SENTINEL_PASSWORD":    regexp.MustCompile(`^(redis|sentinel)-\d`),
		"REDIS_BOOT_PASSWORD":        regexp.MustCompile(`^(redis|sentinel)-\d`),
		"REDIS_BACKUP_PASSWORD":      regexp.MustCompile(`^(redis-\d|backup$)`),
		"REDIS_ADMIN_PASSWORD":       regexp.MustCompile(`^(redis|sentinel)-\d`),
	}
}

func TestNoContainerShowsTheSecretOfAnother(t *testing.T) {
	s := whole(t)
	for _, service := range s.Services() {
		text, err := service.InspectText(t.Context())
		require.NoError(t, err)
		for name, who := range knowers() {
			secret := s.Setting(name)
			require.Greater(t, len(secret), 20, name)
			assert.Equal(t, who.MatchString(service.Name()), strings.Contains(text, secret), "%s and %s", service.Name(), name)
		}
	}
}

func TestOnlyNginxIsPublishedAndToThisMachineAloneWhatWatches(t *testing.T) {
	s := whole(t)
	found, err := s.Inspect(t.Context())
	require.NoError(t, err)
	published := map[string]string{}
	for name, c := range found {
		for port, bindings := range c.HostConfig.PortBindings {
			for _, b := range bindings {
				published[name+" "+port] = b.HostIP + ":" + b.HostPort
			}
		}
	}
	require.Equal(t, map[string]string{
		"edge 8080/tcp":         "127.0.0.1:" + s.Setting("PUBLISH_PORT"),
		"prometheus 9090/tcp":   "127.0.0.1:" + s.Setting("PROMETHEUS_PORT"),
		"alertmanager 9093/tcp": "127.0.0.1:" + s.Setting("ALERTMANAGER_PORT"),
		"mail 8025/tcp":         "127.0.0.1:" + s.Setting("MAIL_PORT"),
	}, published)
}

// The bounds are what README and docs/containers.md tell people who size a host.
const (
	mib        = 1 << 20
	idleMemory = 500 * mib
	allLimits  = 5 << 30
	apiImage   = 30_000_000
)

func TestTheIdleShopNeedsLittleMemoryAndTheImageIsSmall(t *testing.T) {
	s := whole(t)
	found, err := s.Inspect(t.Context())
	require.NoError(t, err)
	limits := int64(0)
	for _, c := range found {
		limits += c.HostConfig.Memory
	}
	sum := int64(0)
	for _, service := range s.Services() {
		t.Logf("%-16s %6.1f MiB of %4d", service.Name(), float64(s.idle[service.Name()])/mib, found[service.Name()].HostConfig.Memory/mib)
		require.Positive(t, s.idle[service.Name()], "the engine does not tell what %s uses", service.Name())
		sum += s.idle[service.Name()]
	}
	size, err := s.ImageSize(t.Context(), s.Setting("API_IMAGE"))
	require.NoError(t, err)
	t.Logf("idle, all use %.0f MiB; their limits add up to %d MiB; the API's image has %.1f MB", float64(sum)/mib, limits/mib, float64(size)/1e6)
	require.Less(t, sum, int64(idleMemory))
	require.Less(t, limits, int64(allLimits))
	require.Less(t, size, int64(apiImage))
}
