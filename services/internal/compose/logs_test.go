package compose

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// withLogs are the settings that docs/logs.md tells people to make.
func withLogs() map[string]string {
	return map[string]string{"COMPOSE_PROFILES": "grafana,api-2,logs", "CONTAINER_LOGS": "/var/log/evergreen"}
}

func TestLokiAndItsCollectorRunOnlyWhereTheyAreAskedFor(t *testing.T) {
	project := load(t, nil)
	require.NotContains(t, project.Services, "loki")
	require.NotContains(t, project.Services, "collector")
	project = load(t, withLogs())
	for name, want := range map[string]struct {
		address string
		memory  types.UnitBytes
	}{"loki": {"172.20.0.16", 384 << 20}, "collector": {"172.20.0.17", 256 << 20}} {
		service := project.Services[name]
		require.Equal(t, want.address, service.Networks["shop"].Ipv4Address)
		require.Equal(t, want.memory, service.MemLimit)
		require.Empty(t, service.Ports, "%s is for the shop's own network", name)
		require.True(t, service.ReadOnly)
		require.Equal(t, []string{"ALL"}, service.CapDrop)
		require.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt)
		require.NotContains(t, []string{"", "root", "0", "0:0"}, service.User)
		require.Equal(t, types.RestartPolicyUnlessStopped, service.Restart)
		require.Regexp(t, `:\d+\.\d+\.\d+$`, service.Image)
	}
}

func TestTheCollectorSeesLogFilesAndNothingElse(t *testing.T) {
	for _, mount := range load(t, withLogs()).Services["collector"].Volumes {
		require.NotContains(t, mount.Source, "docker.sock")
		require.Contains(t, []string{"logs", "loki"}, mount.Source[strings.LastIndex(mount.Source, "/")+1:])
	}
}

// A shop that depended on its logs being read would stop selling with Loki.
func TestNobodyWaitsForThePipelineOfTheLogs(t *testing.T) {
	for name, service := range load(t, withLogs()).Services {
		require.NotContains(t, service.DependsOn, "loki", name)
		require.NotContains(t, service.DependsOn, "collector", name)
		require.Equal(t, "json-file", service.Logging.Driver, "docker compose logs has all as before: %s", name)
	}
}

func TestServicesKeepTheirLogsForTheCollectorWhereTheyAreToldTo(t *testing.T) {
	for directory, settings := range map[string]map[string]string{"": nil, "/var/log/evergreen": withLogs()} {
		project := load(t, settings)
		for _, name := range []string{
			"redis-1", "redis-2", "redis-3", "sentinel-1", "sentinel-2", "sentinel-3", "api-1", "api-2", "nginx-a", "nginx-b",
		} {
			env := environment(t, project, name)
			require.Equal(t, directory, env["LOG_DIR"], name)
			require.Contains(t, []string{env["NODE_NAME"], env["REPLICA_NAME"], env["NGINX_NAME"]}, name, "what its log is called")
			mounted := false
			for _, mount := range project.Services[name].Volumes {
				mounted = mounted || mount.Source == "logs" && mount.Target == "/var/log/evergreen"
			}
			require.True(t, mounted, name)
		}
	}
}
