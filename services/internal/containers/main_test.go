//go:build containers

// These tests run the shipped docker-compose.yml; `make test-compose` calls them.
package containers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
	"evergreen/services/internal/containers"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// shop is a project of these tests' own, with an admin who has logged in.
type shop struct {
	*containers.Project
	admin *shoptest.Client
	// backupKey reads the shop's backups.
	backupKey string
	// image is how long the API's image took to build, and up the start from nothing.
	image, up time.Duration
	// idle is the memory that each service used before anything was done.
	idle map[string]int64
}

// shared is the one that all tests use, one after the other; each leaves it whole.
var shared *shop

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	dir, err := os.MkdirTemp("", "evergreen-containers-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if shared, err = prepared(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, "the shop could not be prepared:", err)
		return 1
	}
	defer func() {
		if err := shared.Remove(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "the shop could not be removed:", err)
		}
	}()
	go func() {
		<-interrupted
		_ = shared.Remove(context.Background())
		_ = os.RemoveAll(dir)
		os.Exit(1)
	}()
	if err := shared.start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "the shop did not start:", err)
		fmt.Fprintln(os.Stderr, shared.AllLogs(ctx, 25))
		return 1
	}
	return shoptest.Verdict(m.Run())
}

// prefix of the projects' names; the rest is the process that tests with it.
const prefix = "evergreen-test-"

// prepared is a project whose image is built, and of which nothing else is there.
func prepared(ctx context.Context, dir string) (*shop, error) {
	if err := makeEnv(dir); err != nil {
		return nil, err
	}
	ports, err := unusedPorts(ctx)
	if err != nil {
		return nil, err
	}
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	project, err := containers.Open(ctx, containers.Options{
		Name: prefix + strconv.Itoa(os.Getpid()), EnvFile: filepath.Join(dir, ".env"), Settings: stack.WithHighQuotas(map[string]string{
			"API_IMAGE": "evergreen/api:test", "API_REPLICAS": "2", "COMPOSE_PROFILES": "api-2", "NET": unusedNet(),
			"BACKUP_IMAGE": "evergreen/backup:test", "BACKUP_TARGETS": "/backups", "BACKUP_PUBLIC_KEYS": key.Recipient().String(),
			"FIRST_LAYOUT":    strconv.Itoa(config.Layout - 1), // the previous release's: back_test.go goes back to it
			"PUBLISH_ADDRESS": "127.0.0.1", "PUBLISH_PORT": ports[0], "PROMETHEUS_PORT": ports[1], "ALERTMANAGER_PORT": ports[2], "MAIL_PORT": ports[3],
		}),
	})
	if err != nil {
		return nil, err
	}
	if err := removeForgotten(ctx, project); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := project.Build(ctx); err != nil {
		return nil, err
	}
	return &shop{Project: project, backupKey: key.String(), image: time.Since(began)}, nil
}

// removeForgotten removes the projects of tests that were killed: the engine would start their containers for ever.
func removeForgotten(ctx context.Context, one *containers.Project) error {
	names, err := one.Projects(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		pid, err := strconv.Atoi(strings.TrimPrefix(name, prefix))
		if err != nil || !strings.HasPrefix(name, prefix) || syscall.Kill(pid, 0) == nil {
			continue
		}
		forgotten := *one
		forgotten.Name = name
		if err := forgotten.Remove(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start is the command that README names, with nothing there yet.
func (s *shop) start(ctx context.Context) (err error) {
	began := time.Now()
	if err := s.Up(ctx, "--build"); err != nil {
		return err
	}
	s.up = time.Since(began)
	if s.idle, err = s.Memory(ctx); err != nil {
		return err
	}
	s.admin, err = signIn(ctx, s)
	return err
}

// whole gives the shop, whose logs are shown if the test fails, and which is then repaired for the next.
func whole(t *testing.T) *shop {
	t.Helper()
	began := time.Now()
	t.Cleanup(func() {
		t.Logf("it took %.1f s", time.Since(began).Seconds())
		if t.Failed() {
			t.Log(shared.AllLogs(context.WithoutCancel(t.Context()), 25))
			shared.repair(t)
		}
	})
	return shared
}

// makeEnv makes an .env as `make env` does, in a directory of its own.
func makeEnv(dir string) error {
	root, err := stack.Root()
	if err != nil {
		return err
	}
	example, err := os.ReadFile(filepath.Join(root, ".env.example"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, ".env.example"), example, 0o600); err != nil {
		return err
	}
	_, err = stack.MakeEnv(dir)
	return err
}

// unusedNet is out of 198.18.0.0/15, which is set aside for tests of networks: no host has an address there.
func unusedNet() string { return fmt.Sprintf("198.18.%d", os.Getpid()%256) }

func unusedPorts(ctx context.Context) (ports [4]string, err error) {
	for i := range ports {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return ports, err
		}
		// All are held until all are known.
		defer func() { _ = listener.Close() }()
		if _, ports[i], err = net.SplitHostPort(listener.Addr().String()); err != nil {
			return ports, err
		}
	}
	return ports, nil
}

// signIn gives the first admin. Logins of one account are few a minute, so the tests share one.
func signIn(ctx context.Context, s *shop) (*shoptest.Client, error) {
	c := shoptest.New(s.URL())
	a, err := c.Expect(ctx, http.StatusCreated, "POST", "/v1/sessions",
		shoptest.Object{"email": s.Setting("ADMIN_EMAIL"), "password": s.Setting("ADMIN_PASSWORD")})
	if err != nil {
		return nil, err
	}
	var session struct{ Token string }
	err = json.Unmarshal(a.Body, &session)
	return c.As(session.Token), err
}

// repair starts what a failed test has left down, so that the next one has a shop.
func (s *shop) repair(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	for _, service := range s.Services() {
		_ = service.Resume() // an error if it is not paused
	}
	if err := s.Up(ctx); err != nil {
		t.Log(err)
	}
}

// heal waits until nothing is left of what a test did.
func (s *shop) heal(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	require.NoError(t, s.AwaitHealthy(ctx))
}

// primary gives the primary as two Sentinels name it, and the other nodes.
func (s *shop) primary(t *testing.T) (primary *containers.Service, replicas []*containers.Service) {
	t.Helper()
	name, err := s.Primary(t.Context())
	require.NoError(t, err)
	for _, node := range s.Named("redis-") {
		if node.Name() == name {
			primary = node
		} else {
			replicas = append(replicas, node)
		}
	}
	return primary, replicas
}

// awaitOther waits for the next primary.
func (s *shop) awaitOther(t *testing.T, old *containers.Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := s.AwaitPrimary(ctx, func(name string) bool { return name != old.Name() })
	require.NoError(t, err)
}

// await looks at a condition again and again until it holds, for limit at most.
func await(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, limit, 50*time.Millisecond, what)
}
