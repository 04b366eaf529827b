package compose

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
	"evergreen/services/internal/texttest"
)

func TestImagesArePinnedAndCanBeReplaced(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z0-9._/-]+:v?\d+\.\d+\.\d+$`)
	for name, service := range load(t, nil).Services {
		if service.Build != nil {
			require.NotContains(t, service.Image, "latest")
			require.Regexp(t, pinned, *service.Build.Args["GO_IMAGE"])
			continue
		}
		require.Regexp(t, pinned, service.Image, name)
	}
	names := map[string]string{
		"redis-1": "REDIS_IMAGE", "sentinel-1": "REDIS_IMAGE", "edge": "NGINX_IMAGE", "nginx-a": "NGINX_IMAGE",
		"api-1": "API_IMAGE", "prometheus": "PROMETHEUS_IMAGE", "grafana": "GRAFANA_IMAGE",
		"alertmanager": "ALERTMANAGER_IMAGE", "redis-exporter": "REDIS_EXPORTER_IMAGE", "nginx-exporter-a": "NGINX_EXPORTER_IMAGE",
		"nginx-exporter-b": "NGINX_EXPORTER_IMAGE", "node-exporter": "NODE_EXPORTER_IMAGE", "mail": "MAIL_IMAGE", "backup": "BACKUP_IMAGE",
	}
	for service, variable := range names {
		require.Equal(t, "mine:1", load(t, map[string]string{variable: "mine:1"}).Services[service].Image)
	}
	build := load(t, map[string]string{"GO_IMAGE": "mine:1"}).Services["api-2"].Build
	require.Equal(t, "mine:1", *build.Args["GO_IMAGE"])
}

func TestWithoutItsSecretsNothingIsStarted(t *testing.T) {
	needed := append(slices.Collect(maps.Keys(redisSecrets())), "SECRET_KEY", "ADMIN_EMAIL", "ADMIN_PASSWORD")
	for _, name := range needed {
		for _, value := range []string{"unset", ""} {
			env := exampleEnv(t)
			env[name] = value
			if value == "unset" {
				delete(env, name)
			}
			_, err := tryLoad(env)
			require.ErrorContains(t, err, name)
			require.ErrorContains(t, err, "make env")
		}
	}
}

func TestASecretGoesOnlyToWhoNeedsItAndOnlyByTheEnvironment(t *testing.T) {
	needs := map[string]*regexp.Regexp{
		secretKey: regexp.MustCompile(`^api-`), adminPassword: regexp.MustCompile(`^api-`),
		secretOf("BACKUP_S3_SECRET_KEY"): regexp.MustCompile(`^(backup|operator)$`), secretOf("SMTP_PASSWORD"): regexp.MustCompile(`^alertmanager$`),
	}
	for name, who := range redisSecrets() {
		needs[secretOf(name)] = who
	}
	project := load(t, map[string]string{"COMPOSE_PROFILES": "*", "SMTP_PASSWORD": secretOf("SMTP_PASSWORD"),
		"BACKUP_S3_SECRET_KEY": secretOf("BACKUP_S3_SECRET_KEY")})
	require.Contains(t, project.Services, "operator")
	for name, service := range project.Services {
		values := slices.Collect(maps.Values(environment(t, project, name)))
		for secret, allowed := range needs {
			require.Equal(t, allowed.MatchString(name), slices.Contains(values, secret), "%s and %s", name, secret)
		}
		service.Environment = nil
		rest, err := json.Marshal(service)
		require.NoError(t, err)
		for secret := range needs {
			texttest.NotContains(t, string(rest), secret, "%s shows it outside its environment", name)
		}
	}
}

func TestTheAPIUnderstandsItsEnvironment(t *testing.T) {
	project := load(t, map[string]string{"RESERVATION": "7m", "RATE_USER_PER_SECOND": "321"})
	for name, host := range map[string]string{"api-1": "172.20.0.2", "api-2": "172.20.0.3"} {
		env := environment(t, project, name)
		c, err := config.Load(func(name string) string { return env[name] })
		require.NoError(t, err)
		require.Equal(t, name, c.ReplicaName)
		require.Equal(t, 2, c.Replicas)
		require.Equal(t, host, c.Host)
		require.Equal(t, []string{"172.20.0.4"}, c.TrustedProxies)
		require.Equal(t, []string{"172.20.0.8:26379", "172.20.0.9:26379", "172.20.0.10:26379"}, c.Sentinels)
		require.Equal(t, []string{"api-3", secretOf("REDIS_API_PASSWORD")}, []string{c.RedisUser, c.RedisPassword})
		require.Equal(t, 7*time.Minute, c.Reservation, "settings of .env reach it")
		require.Equal(t, 321, c.UserRate)
		grace := time.Duration(*project.Services[name].StopGracePeriod)
		require.Greater(t, grace, c.CommitDeadline, "a write in flight may end")
	}
}

func TestTheStartScriptsGetWhatTheyNeed(t *testing.T) {
	project := load(t, nil)
	for service, script := range map[string]string{
		"redis-1": "start-redis.sh", "redis-2": "start-redis.sh", "redis-3": "start-redis.sh",
		"sentinel-1": "start-sentinel.sh", "sentinel-2": "start-sentinel.sh", "sentinel-3": "start-sentinel.sh",
	} {
		lines := regexp.MustCompile(`(?m)^need(?:_secrets)? (.+)$`).FindAllStringSubmatch(read(t, "redis/"+script), -1)
		require.Len(t, lines, 2, "%s says what it needs", script)
		env := environment(t, project, service)
		for _, name := range strings.Fields(lines[0][1] + " " + lines[1][1]) {
			if name != "DATA_DIR" { // Its default is where the volume is.
				require.NotEmpty(t, env[name], "%s of %s", name, service)
			}
		}
		require.Equal(t, project.Services[service].Networks["shop"].Ipv4Address, env["NODE_ADDRESS"])
	}
}

func TestEverySettingOfTheExampleIsUsed(t *testing.T) {
	text := read(t, "docker-compose.yml")
	for name := range exampleEnv(t) {
		if name == "COMPOSE_PROFILES" {
			continue // Compose itself reads it
		}
		require.Regexp(t, `\$\{`+name+`\b|(?m)^ +`+name+`:$`, text)
	}
}

func TestAlertmanagerSendsToTheCatcherUnlessAMailServerIsSet(t *testing.T) {
	require.Equal(t, "172.20.0.20:1025", environment(t, load(t, nil), "alertmanager")["SMTP_SMARTHOST"])
	env := environment(t, load(t, map[string]string{"SMTP_SMARTHOST": "mail.shop.example:587", "SMTP_REQUIRE_TLS": "true"}), "alertmanager")
	require.Equal(t, []string{"mail.shop.example:587", "true"}, []string{env["SMTP_SMARTHOST"], env["SMTP_REQUIRE_TLS"]})
}

// It would take a default Redis for its own, and ask it for what its user may not.
func TestTheRedisExporterAsksWhatItsUserMayAndNothingElse(t *testing.T) {
	project := load(t, nil)
	require.Equal(t, "exporter", environment(t, project, "redis-exporter")["REDIS_USER"])
	require.Subset(t, project.Services["redis-exporter"].Command, []string{"-redis.addr=", "-config-command=-"})
}
