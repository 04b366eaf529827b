package backup_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup/archive"
)

func TestTheServiceOfMakeUpMakesBackupsByItsOwnRights(t *testing.T) {
	t.Parallel()
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	address := t.TempDir()
	settings := stack.WithHighQuotas(map[string]string{
		"BACKUP_TARGETS": address, "BACKUP_PUBLIC_KEYS": key.Recipient().String(), "BACKUP_SHIP_EVERY": "500ms",
	})
	services := append(stack.RedisAndSentinels(), "api-1", "api-2", "nginx-a", stack.BackupName)
	s := &shop{t: t, key: key, stack: stack.StartT(t, stack.Options{Services: services, Settings: settings, Supervise: true})}
	admin := shoptest.Admin(t, s.stack)
	s.product = shoptest.Product(t, admin, 1000)
	s.customer, _ = shoptest.Customer(t, admin)
	s.buy(5)
	awaitChain(t, address, reaches(s.sequence()))
	first := awaitChain(t, address, isVerified)
	service := s.stack.Process(stack.BackupName)
	require.InDelta(t, 1, scrape(t, service)["shop_backup_configured"], 0)

	before := service.PID()
	require.NoError(t, service.Kill())
	s.buy(5)
	next := awaitChain(t, address, func(chain archive.Chain) bool { return chain.ID > first.ID && isVerified(chain) })
	require.NotEqual(t, before, service.PID(), "it was started again")
	shipped := awaitChain(t, address, reaches(s.sequence()))
	require.Equal(t, next.ID, shipped.ID)
	s.requireRestorable(address, shipped, s.purchases)
	refusals, err := s.stack.Refusals(t.Context())
	require.NoError(t, err)
	require.Empty(t, refusals, "it asks for nothing that it has no right to")
}

func TestWithoutATargetAndAPublicKeyTheServiceIdlesAndSaysSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings           map[string]string
		configured, wanted float64
		says               string
	}{
		"nothing is set":        {nil, 0, 0, "no backups are made"},
		"there is no key":       {map[string]string{"BACKUP_TARGETS": os.TempDir()}, 0, 1, "no backups are made"},
		"the key is no key":     {map[string]string{"BACKUP_TARGETS": os.TempDir(), "BACKUP_PUBLIC_KEYS": "nonsense"}, 0, 1, "BACKUP_PUBLIC_KEYS"},
		"a time is no time":     {map[string]string{"BACKUP_EVERY": "soon"}, 0, 0, "BACKUP_EVERY"},
		"a target has a secret": {map[string]string{"BACKUP_TARGETS": "s3://KEY:s3cr3t@127.0.0.1/shop"}, 0, 1, "has a user"},
		"a number is negative":  {map[string]string{"BACKUP_KEEP": "-1"}, 0, 0, "BACKUP_KEEP"},
	} {
		t.Run(name, func(t *testing.T) {
			s := stack.StartT(t, stack.Options{Services: []string{stack.BackupName}, Settings: c.settings})
			service := s.Process(stack.BackupName)
			require.Eventually(t, func() bool {
				text, err := os.ReadFile(service.LogPath())
				return err == nil && strings.Contains(string(text), c.says)
			}, 20*time.Second, 20*time.Millisecond)
			metrics := scrape(t, service)
			require.InDelta(t, c.configured, metrics["shop_backup_configured"], 0)
			require.InDelta(t, c.wanted, metrics["shop_backup_wanted"], 0)
			require.NotZero(t, service.PID(), "it does not end")
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", service.PID()))
			require.NoError(t, err)
			require.Regexp(
				t,
				`SigIgn:\s+[0-9a-f]+[13579bdf]\n`,
				string(status),
				"a connection that ends (SIGHUP) does not end the program",
			)
		})
	}
}

// scrape asks the service as Prometheus does.
func scrape(t *testing.T, service *stack.Process) map[string]float64 {
	t.Helper()
	answer, err := http.Get("http://" + service.Addr() + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	require.NoError(t, err)
	found := map[string]float64{}
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			found[name] += metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}
	return found
}
