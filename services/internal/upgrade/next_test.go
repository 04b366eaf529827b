package upgrade_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/upgrade"
)

// supervised is a shop of this version under a supervisor, from files that can be changed.
type supervised struct {
	*stack.Stack
	root, files string
}

func startSupervised(t *testing.T) supervised {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	s := supervised{root: root, files: t.TempDir()}
	pull(t, root, s.files, configuration()...)
	dir := t.TempDir()
	build(t, root, "api", filepath.Join(dir, "api"))
	s.Stack = stack.StartT(t, stack.Options{Dir: dir, Files: s.files, Supervise: true, APIBinary: filepath.Join(dir, "api")})
	return s
}

// upgrade returns what the upgrade printed.
func (s supervised) upgrade(t *testing.T, o upgrade.Options, onLine func(string)) (string, error) {
	t.Helper()
	shop, err := stack.FindRunning(stack.Options{Net: s.Net, Dir: s.Dir(), Files: s.files, Settings: s.Settings()})
	require.NoError(t, err)
	said := &output{onLine: onLine}
	o.Shop, o.Out = shop, said
	err = upgrade.Run(t.Context(), o)
	t.Logf("%s", said)
	return said.String(), err
}

func (s supervised) pids() (all []int) {
	for _, p := range s.Processes() {
		all = append(all, p.PID())
	}
	return all
}

// nextAPI builds an API whose script for new products calls one command more than that of this version, and puts the right
// into the list of the Redis users.
func (s supervised) nextAPI(t *testing.T) string {
	t.Helper()
	source := t.TempDir()
	pull(t, s.root, source, "services", "go.mod", "go.sum")
	script := filepath.Join(source, "services/internal/products/create.lua")
	text, err := os.ReadFile(script)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(script, append([]byte("redis.call('TYPE', KEYS[1])\n"), text...), 0o644))
	replaceIn(t, filepath.Join(s.files, "redis/users.acl"), "+xadd", "+xadd +type")
	program := filepath.Join(t.TempDir(), "api")
	build(t, source, "api", program)
	return program
}

// mayCallType says whether every node lets the API call the command that the next version needs.
func (s supervised) mayCallType(t *testing.T) bool {
	t.Helper()
	for _, node := range []string{"redis-1", "redis-2", "redis-3"} {
		said, err := s.Redis(context.WithoutCancel(t.Context()), node, "ACL", "DRYRUN", "api-3", "TYPE", "evg:schema")
		if err != nil || said != "OK" {
			return false
		}
	}
	return true
}

func TestAnUpgradeToAnAPIThatNeedsOneMoreCommandFailsNoRequest(t *testing.T) {
	t.Parallel()
	s := startSupervised(t)
	program := s.nextAPI(t)
	require.False(t, s.mayCallType(t))
	// What nginx, the Sentinels, the nodes and Prometheus read has changed, too.
	replaceIn(t, filepath.Join(s.files, "nginx/upstream.conf.template"), "keepalive 64;", "keepalive 65;")
	for _, name := range []string{"redis/redis.conf", "redis/sentinel.conf", "prometheus/prometheus.yml"} {
		replaceIn(t, filepath.Join(s.files, name), "\n", "\n# next\n")
	}
	clients := startTraffic(t, s.URL(), s.Setting("ADMIN_EMAIL"), s.Setting("ADMIN_PASSWORD"))
	admin := shoptest.Admin(t, s.Stack)
	crossing := shoptest.Cross(t, admin)
	before, api := s.pids(), [2]int{s.Process("api-1").PID(), s.Process("api-2").PID()}
	first, err := s.Primary(t.Context())
	require.NoError(t, err)

	rightsFirst := false
	said, err := s.upgrade(t, upgrade.Options{Program: func(context.Context) (string, error) { return program, nil }}, func(line string) {
		if strings.Contains(line, "have the rights of this version") {
			rightsFirst = s.mayCallType(t) && api == [2]int{s.Process("api-1").PID(), s.Process("api-2").PID()}
		}
	})
	require.NoError(t, err)
	require.True(t, rightsFirst, "all nodes grant the right before the first replica is replaced")
	require.NotContains(t, said, "up to date", "everything has changed that an upgrade renews, except Alertmanager's configuration")

	shoptest.Product(t, admin, 3)
	crossing.Recall(t)
	clients.requireKept()
	s.requireRenewed(t, before, first)
	refusals, err := s.Refusals(t.Context())
	require.NoError(t, err)
	require.Empty(t, refusals)
}

// requireRenewed demands that each process that has to start anew for new files has, and that no other one has.
func (s supervised) requireRenewed(t *testing.T, before []int, first string) {
	t.Helper()
	for i, p := range s.Processes() {
		reloads := strings.HasPrefix(p.Name(), "nginx-") || p.Name() == "prometheus"
		require.Equal(t, reloads, before[i] == p.PID(), "%s has another process id than before", p.Name())
	}
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, first, primary)
	rendered, err := os.ReadFile(filepath.Join(s.Dir(), "nginx-a/config/upstream.conf"))
	require.NoError(t, err)
	require.Contains(t, string(rendered), "keepalive 65;")
}

func TestAnUpgradeThatCannotGoOnStopsAndTheShopSellsOn(t *testing.T) {
	t.Parallel()
	s := startSupervised(t)
	admin := shoptest.Admin(t, s.Stack)
	sells := func() { admin.Want(t, http.StatusOK, "GET", "/v1/products?limit=1", nil); shoptest.Cross(t, admin) }
	program := func(path string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return path, nil }
	}
	running := filepath.Join(s.Dir(), "api")

	broken := filepath.Join(t.TempDir(), "api")
	require.NoError(t, os.WriteFile(broken, []byte("#!/bin/sh\nexit 1\n"), 0o755))
	before := s.pids()
	said, err := s.upgrade(t, upgrade.Options{Program: program(broken), WholeWithin: 5 * time.Second}, nil)
	require.ErrorContains(t, err, "the upgrade stopped at api-1")
	require.Contains(t, said, "api-1 runs the program before again, and the stack is whole")
	require.NoFileExists(t, running+".previous", "what does not work is nothing to go back to")
	require.Equal(t, before[7:], s.pids()[7:], "api-2, and what comes after it, goes on")
	sells()

	_, err = s.upgrade(t, upgrade.Options{Back: true}, nil)
	require.ErrorContains(t, err, "stopped at the program")

	replaceIn(t, filepath.Join(s.files, "nginx/upstream.conf.template"), "keepalive 64;", "keepalive many;")
	said, err = s.upgrade(t, upgrade.Options{Program: program(running)}, nil)
	require.ErrorContains(t, err, "stopped at nginx-b")
	require.Contains(t, said, `invalid value "many"`)
	rendered, err := os.ReadFile(filepath.Join(s.Dir(), "nginx-b/config/upstream.conf"))
	require.NoError(t, err)
	require.Contains(t, string(rendered), "keepalive 64;", "the configuration before is back")
	sells()

	require.NoError(t, s.Process("sentinel-1").Terminate(t.Context()))
	before = s.pids()
	said, err = s.upgrade(t, upgrade.Options{Program: program(broken)}, nil)
	require.ErrorContains(t, err, "the upgrade stopped at the look")
	require.Contains(t, said, "Nothing was changed.")
	require.Equal(t, before, s.pids())
	sells()
}

func TestAnUpgradeFindsOnlyTheShopOfItsOwnDirectory(t *testing.T) {
	t.Parallel()
	net, err := stack.PrivateNet()
	require.NoError(t, err)
	_, err = stack.FindRunning(stack.Options{Net: net, Dir: t.TempDir()})
	require.ErrorIs(t, err, stack.ErrNotRunning)

	s := stack.StartT(t, stack.Options{Services: []string{}, Dir: t.TempDir()})
	_, err = stack.FindRunning(stack.Options{Net: s.Net, Dir: t.TempDir()})
	var held *stack.HeldError
	require.ErrorAs(t, err, &held)
	_, err = stack.FindRunning(stack.Options{Net: s.Net, Dir: s.Dir()})
	require.NoError(t, err)
}
