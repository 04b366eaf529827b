package stack

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// inShell runs a command of nginx/servers.sh.
func inShell(t *testing.T, command string) (string, error) {
	t.Helper()
	root, err := Root()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", `. "$1"; `+command, "sh", filepath.Join(root, "nginx", "servers.sh"))
	cmd.Env = []string{"NET=127.9.9"}
	output, err := cmd.CombinedOutput()
	return strings.TrimSuffix(string(output), "\n"), err
}

func TestNginxListsTheSameReplicasNativelyAndInContainers(t *testing.T) {
	t.Parallel()
	for n := 2; n <= 16; n++ {
		servers, backups := APIServers("127.9.9", n)
		inContainers, err := inShell(t, fmt.Sprint("servers ", n))
		require.NoError(t, err)
		require.Equal(t, inContainers, servers)
		inContainers, err = inShell(t, fmt.Sprint("backups ", n))
		require.NoError(t, err)
		require.Equal(t, inContainers, backups)
		require.Equal(t, n, strings.Count(servers, ":5000 max_fails=1 fail_timeout=2s;"))
	}
}

func TestNginxListsTheReplicasThatTheStackStarts(t *testing.T) {
	t.Parallel()
	for i, replica := range servicesOf(kindAPI) {
		require.Equal(t, replica.ip("127.9.9"), APIAddress("127.9.9", i+1))
		require.Equal(t, 5000, replica.port)
	}
}

func TestAnImpossibleNumberOfReplicasIsRefused(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"", "1", "17", "02", "-2", "2.0", "many", "'2 3'"} {
		for _, list := range []string{"servers", "backups"} {
			said, err := inShell(t, `lines=$(`+list+` `+n+`); echo "went on with $lines"`)
			require.Error(t, err, "%s %s", list, n)
			texttest.Contains(t, said, "API_REPLICAS is a whole number from 2 to 16")
			texttest.NotContains(t, said, "went on")
		}
	}
}
