package stack

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"evergreen/services/internal/texttest"
)

// superviseEnv turns this test binary into a supervisor: see TestMain.
const superviseEnv = "EVERGREEN_TEST_SUPERVISOR_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(superviseEnv); dir != "" {
		os.Exit(superviseForAnotherTest(dir))
	}
	os.Exit(m.Run())
}

// superviseForAnotherTest runs a stack, says where, and then waits to be killed.
func superviseForAnotherTest(dir string) int {
	s, err := Start(context.Background(), Options{Dir: dir, Services: append(RedisAndSentinels(), "nginx-a"), Supervise: true})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	os.Stdout.WriteString(s.Net + "\n")
	select {}
}

func TestEverythingDiesWithASupervisorThatIsKilled(t *testing.T) {
	t.Parallel()
	supervisor := exec.Command(os.Args[0])
	supervisor.Env = append(os.Environ(), superviseEnv+"="+t.TempDir())
	supervisor.Stderr = os.Stderr
	out, err := supervisor.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, supervisor.Start())
	defer func() { _ = supervisor.Process.Kill(); _ = supervisor.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	prefix := strings.TrimSpace(line)
	addresses := []string{prefix + ".4:8080", prefix + ".5:6379", prefix + ".6:6379", prefix + ".7:6379", prefix + ".8:26379"}
	for _, address := range addresses {
		require.True(t, listens(address), address)
	}
	_, err = Start(t.Context(), Options{Net: prefix})
	requireHeld(t, err, prefix, supervisor.Process.Pid)

	require.NoError(t, supervisor.Process.Kill())
	for _, address := range addresses {
		require.Eventually(t, func() bool { return !listens(address) }, 5*time.Second, pollEvery, address)
	}
	held, err := claim(lockDir(), prefix, "", "a test")
	require.NoError(t, err, "the prefix is free again")
	held.release()
}

func TestASecondStackOnAPrefixIsToldWhoHoldsItAndChangesNothing(t *testing.T) {
	t.Parallel()
	first := StartT(t, Options{Services: []string{"nginx-a"}})
	dir := filepath.Join(t.TempDir(), "second")
	_, err := Start(t.Context(), Options{Net: first.Net, Dir: dir})
	requireHeld(t, err, first.Net, os.Getpid())
	require.ErrorContains(t, err, "nothing was changed")
	require.NoDirExists(t, dir)
	require.NotZero(t, first.Process("nginx-a").PID())
}

func TestAnAddressThatSomebodyElseListensOnIsRefused(t *testing.T) {
	t.Parallel()
	held, prefix, err := claimPrivate(lockDir(), "a test")
	require.NoError(t, err)
	held.release()
	listener, err := net.Listen("tcp", prefix+".9:26379")
	require.NoError(t, err)
	defer listener.Close()
	_, err = Start(t.Context(), Options{Net: prefix})
	require.ErrorContains(t, err, prefix+".9:26379 is needed for sentinel-2")
	listener.Close()
	held, err = claim(lockDir(), prefix, "", "a test")
	require.NoError(t, err, "the lock was given back")
	held.release()
}

func TestAPausedProcessIsSilentAndGoesOnWhenItIsResumed(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: []string{"nginx-a"}})
	p := s.Process("nginx-a")
	require.NoError(t, p.Pause())
	require.Error(t, p.ready(t.Context()))
	require.NoError(t, p.Resume())
	require.NoError(t, p.ready(t.Context()))
	require.NoError(t, p.Pause())
	began := time.Now()
	require.NoError(t, s.Stop(t.Context()), "a paused process can be stopped, too")
	require.Less(t, time.Since(began), 3*time.Second)
}

func TestNginxsWorkersDieWithTheirMaster(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: []string{"nginx-a"}})
	p := s.Process("nginx-a")
	life := p.life()
	require.NoError(t, unix.Kill(p.PID(), unix.SIGKILL), "the master alone")
	<-life.over
	require.False(t, listens(p.Addr()))
	require.Zero(t, p.PID())
	require.NoError(t, p.Restart(t.Context()))
}

func TestTheSupervisorStartsAgainWhatDiesButNotWhatWasEnded(t *testing.T) {
	t.Parallel()
	s := StartT(t, Options{Services: []string{"nginx-a", "nginx-b"}, Supervise: true})
	killed, ended := s.Process("nginx-a"), s.Process("nginx-b")
	before := killed.PID()
	require.NoError(t, ended.Terminate(t.Context()))
	require.NoError(t, killed.Kill())
	require.Eventually(t, func() bool {
		return killed.PID() != before && killed.ready(t.Context()) == nil
	}, 10*time.Second, pollEvery)
	require.Zero(t, ended.PID())
	require.NoError(t, ended.Restart(t.Context()))
}

func TestTheSupervisorWaitsLongerAfterEachDeath(t *testing.T) {
	t.Parallel()
	for deaths, want := range map[int]time.Duration{
		1: 200 * time.Millisecond, 2: 400 * time.Millisecond, 3: 800 * time.Millisecond, 7: 10 * time.Second, 1000: 10 * time.Second,
	} {
		require.Equal(t, want, backoff(deaths), deaths)
	}
}

func TestWhatDoesNotStartIsReportedWithItsLog(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{Services: []string{"nginx-a"}, Settings: map[string]string{"EDGE_CONNECTIONS": "many"}})
	require.ErrorContains(t, err, "nginx-a is not ready")
	require.ErrorContains(t, err, `invalid number of connections "many"`)
}

func TestTheStackStopsInOrderAndWithoutAFailover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := StartT(t, Options{Services: append(RedisAndSentinels(), "nginx-a", "prometheus"), Dir: dir, Supervise: true})
	began := time.Now()
	require.NoError(t, s.Stop(t.Context()))
	require.Less(t, time.Since(began), 30*time.Second)
	var last time.Time
	for _, stage := range [][]string{{"nginx-a", "prometheus"}, {"sentinel-1", "sentinel-2", "sentinel-3"}, {"redis-2", "redis-3"}, {"redis-1"}} {
		latest := last
		for _, name := range stage {
			ended := s.Process(name).life().ended
			require.True(t, ended.After(last), "%s ended at %v", name, ended)
			if ended.After(latest) {
				latest = ended
			}
		}
		last = latest
	}
	for _, p := range s.ofKind(kindSentinel) {
		log, err := os.ReadFile(p.LogPath())
		require.NoError(t, err)
		texttest.NotContains(t, string(log), "+try-failover")
	}
	require.NoError(t, s.Stop(t.Context()), "stopping twice is stopping once")
	require.Error(t, s.Process("redis-1").Restart(t.Context()), "nothing starts after the end")
}

func TestALargeLogIsPutAsideAtTheNextStart(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "api-1.log")
	require.NoError(t, rotate(log), "none yet")
	require.NoError(t, os.WriteFile(log, []byte("short"), 0o600))
	require.NoError(t, rotate(log))
	require.FileExists(t, log)
	require.NoError(t, os.Truncate(log, 11<<20))
	require.NoError(t, rotate(log))
	require.NoFileExists(t, log)
	require.FileExists(t, log+".1")
}

func listens(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

func requireHeld(t *testing.T, err error, prefix string, pid int) {
	t.Helper()
	var held *HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, prefix, held.Net)
	require.Contains(t, held.Holder, "pid "+strconv.Itoa(pid)+" in ")
}
