package compose

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// hosts are the last octets of the design's table of services. The pair of nginx has none of its own: it shares edge's.
// The API replicas beyond the second have addresses of a row of their own.
func hosts(replicas int) map[string]string {
	of := map[string]string{
		"api-1": "2", "api-2": "3", "edge": "4", "redis-1": "5", "redis-2": "6", "redis-3": "7",
		"sentinel-1": "8", "sentinel-2": "9", "sentinel-3": "10", "prometheus": "11", "grafana": "12",
		"redis-exporter": "13", "nginx-exporter-a": "14", "alertmanager": "15", "node-exporter": "18", "nginx-exporter-b": "19", "mail": "20",
		"backup": "21",
	}
	for n := 3; n <= replicas; n++ {
		of[fmt.Sprint("api-", n)] = strconv.Itoa(30 + n)
	}
	return of
}

func TestEveryServiceHasTheAddressOfTheDesign(t *testing.T) {
	for _, prefix := range []string{"172.20.0", "10.77.3"} {
		t.Run(prefix, func(t *testing.T) {
			changes := map[string]string{}
			if prefix != "172.20.0" {
				changes["NET"] = prefix
			}
			project := load(t, changes)
			require.Equal(t, prefix+".0/24", project.Networks["shop"].Ipam.Config[0].Subnet)
			expected := slices.Sorted(maps.Keys(hosts(2)))
			expected = append(expected, "nginx-a", "nginx-b")
			require.ElementsMatch(t, expected, project.ServiceNames())
			for service, host := range hosts(2) {
				require.Equal(t, prefix+"."+host, project.Services[service].Networks["shop"].Ipv4Address, service)
			}
			text, err := project.MarshalYAML()
			require.NoError(t, err)
			for _, address := range regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`).FindAllString(string(text), -1) {
				if address != "127.0.0.1" && address != "0.0.0.0" {
					require.True(t, strings.HasPrefix(address, prefix+"."), "%s does not follow NET", address)
				}
			}
		})
	}
}

func TestTwoToSixteenAPIReplicasAreASetting(t *testing.T) {
	for _, n := range []int{2, 3, 4, 15, 16} {
		project := load(t, map[string]string{"API_REPLICAS": strconv.Itoa(n), "COMPOSE_PROFILES": fmt.Sprint("api-", n)})
		found := map[string]string{}
		for name, service := range project.Services {
			if strings.HasPrefix(name, "api-") {
				found[name] = strings.TrimPrefix(service.Networks["shop"].Ipv4Address, "172.20.0.")
				env := environment(t, project, name)
				require.Equal(t, []string{name, service.Networks["shop"].Ipv4Address, strconv.Itoa(n)},
					[]string{env["REPLICA_NAME"], env["HOST"], env["API_REPLICAS"]})
			}
		}
		expected := hosts(n)
		maps.DeleteFunc(expected, func(name, _ string) bool { return !strings.HasPrefix(name, "api-") })
		require.Equal(t, expected, found)
		require.Equal(t, strconv.Itoa(n), environment(t, project, "nginx-a")["API_REPLICAS"])
	}
}

// What has no fixed address must not be given that of a service that is just down.
func TestAddressesThatAreGivenOutAreNobodysOwn(t *testing.T) {
	project := load(t, nil)
	_, given, err := net.ParseCIDR(project.Networks["shop"].Ipam.Config[0].IPRange)
	require.NoError(t, err)
	for service, host := range hosts(16) {
		require.False(t, given.Contains(net.ParseIP("172.20.0."+host)), service)
	}
}

func TestTheNginxPairLivesInTheNamespaceOfEdge(t *testing.T) {
	project := load(t, nil)
	for service, port := range map[string]string{"nginx-a": "8081", "nginx-b": "8082"} {
		nginx := project.Services[service]
		require.Equal(t, "service:edge", nginx.NetworkMode)
		require.Equal(t, "SIGQUIT", nginx.StopSignal, "the signal that lets requests in flight end")
		require.True(t, nginx.DependsOn["edge"].Restart, "a new holder is a new namespace")
		env := environment(t, project, service)
		require.Equal(t, port, env["STATUS_PORT"])
		require.Equal(t, service, env["NGINX_NAME"])
	}
}

func TestOnlyNginxIsPublishedToOthers(t *testing.T) {
	published := func(changes map[string]string) map[string]string {
		found := map[string]string{}
		for name, service := range load(t, changes).Services {
			for _, port := range service.Ports {
				found[name] = port.HostIP + ":" + port.Published
			}
		}
		return found
	}
	require.Equal(t, map[string]string{
		"edge": "0.0.0.0:8080", "prometheus": "127.0.0.1:9090", "grafana": "127.0.0.1:3000", "alertmanager": "127.0.0.1:9093",
		"mail": "127.0.0.1:8025",
	}, published(nil))
	require.Equal(t, "127.0.0.1:18080",
		published(map[string]string{"PUBLISH_ADDRESS": "127.0.0.1", "PUBLISH_PORT": "18080"})["edge"])
}

func TestEveryInstanceThatKeepsDataHasAVolumeOfItsOwn(t *testing.T) {
	project := load(t, nil)
	owner := map[string]string{}
	for name, service := range project.Services {
		for _, mount := range service.Volumes {
			// The logs' is everybody's, like /tmp: logs_test.go.
			// The backup service links the nodes' files in their own volumes.
			links := name == "backup" && strings.HasPrefix(mount.Source, "redis-")
			if mount.Type == types.VolumeTypeVolume && !mount.ReadOnly && mount.Source != "logs" && !links {
				require.Empty(t, owner[mount.Source], "%s is shared", mount.Source)
				owner[mount.Source] = name
				require.Contains(t, project.Volumes, mount.Source)
			}
		}
	}
	for _, name := range []string{
		"redis-1", "redis-2", "redis-3", "sentinel-1", "sentinel-2", "sentinel-3", "prometheus", "grafana", "alertmanager", "backup",
	} {
		require.Equal(t, name, owner[name])
	}
	require.Equal(t, "backup", owner["backups"])
	require.Len(t, owner, 11+1, "and edge's pulse")
}

func TestConfigurationIsMountedFromTheRepositoryAndCannotBeWritten(t *testing.T) {
	for name, service := range load(t, nil).Services {
		for _, mount := range service.Volumes {
			if mount.Type == types.VolumeTypeBind {
				require.True(t, mount.ReadOnly, "%s may write to %s", name, mount.Source)
				require.DirExists(t, mount.Source)
			}
		}
		for _, word := range service.Entrypoint {
			if inside, found := strings.CutPrefix(word, "/etc/evergreen/"); found {
				require.FileExists(t, filepath.Join(root, inside))
			}
		}
	}
}

func TestNothingFailsOverOnTheWayDown(t *testing.T) {
	project := load(t, nil)
	// Compose stops a service before those that it depends on.
	order := [][2]string{
		{"nginx-a", "api-1"}, {"nginx-b", "api-2"}, {"api-1", "sentinel-1"}, {"api-2", "sentinel-3"},
		{"sentinel-1", "redis-1"}, {"sentinel-2", "redis-2"}, {"sentinel-3", "redis-3"},
	}
	for _, pair := range order {
		require.Contains(t, project.Services[pair[0]].DependsOn, pair[1])
	}
	for name, service := range project.Services {
		for on, dependency := range service.DependsOn {
			require.Equal(t, types.ServiceConditionStarted, dependency.Condition,
				"%s must be able to start while %s is down", name, on)
		}
	}
}

func TestEveryServiceIsStartedAgainWatchedAndBounded(t *testing.T) {
	// Their images hold one program, which cannot be asked from within. Prometheus asks it.
	mute := []string{"redis-exporter", "nginx-exporter-a", "nginx-exporter-b", "collector"}
	var sum types.UnitBytes
	for name, service := range load(t, map[string]string{"COMPOSE_PROFILES": "grafana,logs,api-2"}).Services {
		require.Equal(t, types.RestartPolicyUnlessStopped, service.Restart, name)
		require.Equal(t, !slices.Contains(mute, name), service.HealthCheck != nil, "health of %s", name)
		sum += service.MemLimit
	}
	require.LessOrEqual(t, sum, types.UnitBytes(6_500_000_000), "the host has 8 GB")
}

func TestThePageSaysWhatTheLimitsSumUpTo(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "containers.md"))
	require.NoError(t, err)
	megabytes := func(profiles string) string {
		var sum types.UnitBytes
		for _, service := range load(t, map[string]string{"COMPOSE_PROFILES": profiles}).Services {
			sum += service.MemLimit
		}
		count := int(sum >> 20)
		return fmt.Sprintf("%d,%03d MB", count/1000, count%1000)
	}
	says := fmt.Sprintf("The limits sum up to %s without Grafana, %s with it, and %s with the logs, too.",
		megabytes("api-2"), megabytes("api-2,grafana"), megabytes("api-2,grafana,logs"))
	require.Equal(t, says, regexp.MustCompile(`The limits sum up to .*too\.`).FindString(string(page)))
}

func TestEveryServiceHasNoMoreThanItNeeds(t *testing.T) {
	for name, service := range load(t, map[string]string{"COMPOSE_PROFILES": "*"}).Services {
		require.Positive(t, service.MemLimit, "memory of %s", name)
		require.Positive(t, service.PidsLimit, "processes of %s", name)
		require.NotEmpty(t, service.Logging.Options["max-size"], "log of %s", name)
		require.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt, name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Empty(t, service.CapAdd, name)
		require.True(t, service.ReadOnly, name)
		require.False(t, service.Privileged, name)
		if service.Image != "evergreen/api:local" {
			require.Regexp(t, `^([1-9]\d*:\d+|redis)$`, service.User, "%s; the API's image names its own user", name)
		}
	}
}
