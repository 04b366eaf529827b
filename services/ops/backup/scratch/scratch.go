// Package scratch runs a Redis server of its own over a directory, to look at a backup without the shop: on a Unix socket
// and no port, at the lowest priority, with bounded memory. The server ends with this process, even if that is killed.
package scratch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"evergreen/services/ops/redisnode"
)

// The reasons for which a scratch server does not come up.
var (
	// ErrNoRoom says that the data need more memory than there is, or than the limit allows.
	ErrNoRoom = errors.New("there is too little memory to load the backup")
	// ErrUnreadable says that Redis cannot read the files.
	ErrUnreadable = errors.New("redis cannot read the backup's files")
)

// Limits bound a scratch server.
type Limits struct {
	// MemoryBytes is the most memory that the server may have; 0 means what the machine has left.
	MemoryBytes int64
	// NeedBytes is the memory that the data are known to need. 0 is an estimate from the size of the files.
	NeedBytes int64
	// Within is how long loading may take; 0 means an hour.
	Within time.Duration
	// Program is Redis's server; "" is redis-server from the PATH.
	Program string
}

const (
	// spareBytes are left to the machine's other programs.
	spareBytes = 64 << 20
	// leastBytes is what a server without data needs.
	leastBytes = 32 << 20
	// lowest is the nice value of the server.
	lowest = 19
	// firstToGo has the kernel end this server before all others when memory runs out.
	firstToGo = "1000"
	// lookEvery is how often a server that loads is looked at.
	lookEvery = 20 * time.Millisecond

	socketName = "scratch.sock"
	logName    = "scratch.log"
)

// Server is a scratch server that has loaded its data. End it with Stop.
type Server struct {
	node    *redisnode.Node
	dir     *os.File // an open directory: the socket's own path can be too long for the kernel
	process *os.Process
	ended   chan struct{}
	limit   int64
	cancel  context.CancelFunc
}

// Start loads dir/appendonlydir into a new server. The files there are the server's: it may change them, so they must not
// be hard links to those of another server. ctx bounds loading alone; a server that has started lives until Stop.
func Start(ctx context.Context, dir string, limits Limits) (*Server, error) {
	need, err := inspect(dir)
	if err != nil {
		return nil, err
	}
	need = cmp.Or(limits.NeedBytes, need) + leastBytes
	limit := max(0, AvailableBytes()-spareBytes)
	if limits.MemoryBytes > 0 {
		limit = min(limit, limits.MemoryBytes)
	}
	if need > limit {
		return nil, fmt.Errorf("%w: it needs about %d MiB, and %d MiB may be used", ErrNoRoom, need>>20, limit>>20)
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(limits.Within, time.Hour))
	defer cancel()
	s, err := start(dir, cmp.Or(limits.Program, "redis-server"), limit)
	if err != nil {
		return nil, err
	}
	if err := s.loaded(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Empty makes a server without data, with dir as its directory.
func Empty(ctx context.Context, dir string, limits Limits) (*Server, error) {
	files := filepath.Join(dir, "appendonlydir")
	if err := os.MkdirAll(files, 0o700); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"appendonly.aof.1.incr.aof": "", "appendonly.aof.manifest": "file appendonly.aof.1.incr.aof seq 1 type i\n",
	} {
		if err := os.WriteFile(filepath.Join(files, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return Start(ctx, dir, limits)
}

// inspect estimates the memory that the files need, and refuses a directory that is none of Redis's.
func inspect(dir string) (needBytes int64, err error) {
	files := filepath.Join(dir, "appendonlydir")
	if manifests, _ := filepath.Glob(filepath.Join(files, "*.manifest")); len(manifests) != 1 {
		return 0, fmt.Errorf("%w: %s has %d manifests, not one", ErrUnreadable, files, len(manifests))
	}
	err = filepath.WalkDir(files, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Nlink > 1 {
			return fmt.Errorf("%s is a hard link to another file, which the scratch server might change", path)
		}
		needBytes += info.Size()
		return nil
	})
	return needBytes + needBytes/2, err
}

// start runs the server on a thread of its own. The kernel ends it when that thread does, so with this process.
func start(dir, program string, limit int64) (*Server, error) {
	open, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	_ = os.Remove(filepath.Join(dir, socketName))
	log, err := os.OpenFile(filepath.Join(dir, logName), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		open.Close()
		return nil, err
	}
	defer log.Close()
	command := exec.Command(program, "-", "--appendonly", "yes", "--dir", dir)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(settings), log, log
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "LANG=C"} // The private key may be in this process's environment.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	s := &Server{dir: open, ended: make(chan struct{}), limit: limit}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer close(s.ended)
		err := command.Start()
		s.process = command.Process
		if err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, command.Process.Pid, lowest)
			_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", command.Process.Pid), []byte(firstToGo), 0o600)
		}
		started <- err
		if err == nil {
			_ = command.Wait()
		}
	}()
	if err := <-started; err != nil {
		open.Close()
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	return s, nil
}

// settings of the server. It makes no snapshots and rewrites no files.
const settings = `port 0
unixsocket ` + socketName + `
unixsocketperm 700
daemonize no
logfile ""
save ""
appendfsync no
auto-aof-rewrite-percentage 0
aof-load-truncated no
maxmemory 0
lazyfree-lazy-user-flush yes
`

// loaded waits until the server has its data, and then has it write no files any more.
func (s *Server) loaded(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.ended:
			return fmt.Errorf("%w: %s", ErrUnreadable, s.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("loading the backup: %w", ctx.Err())
		case <-tick.C:
		}
		if used := residentBytes(s.process.Pid); used > s.limit {
			return fmt.Errorf("%w: it has needed %d MiB so far, and %d MiB may be used", ErrNoRoom, used>>20, s.limit>>20)
		}
		if !s.listens(ctx) {
			continue
		}
		node, err := redisnode.Dial(ctx, s.socket(), redisnode.Login{})
		if err != nil {
			continue // it is loading
		}
		s.node = node
		if _, err := node.Do(ctx, "CONFIG", "SET", "appendonly", "no"); err != nil {
			return err
		}
		s.bound()
		return nil
	}
}

func (s *Server) listens(ctx context.Context) bool {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", s.socket())
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// bound ends a server that needs more memory than it may have.
func (s *Server) bound() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		tick := time.NewTicker(10 * lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.ended:
				return
			case <-tick.C:
			}
			if residentBytes(s.process.Pid) > s.limit {
				_ = s.process.Kill()
			}
		}
	}()
}

// socket is the path of the server's socket. The directory's own path may be longer than a socket's path can be.
func (s *Server) socket() string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", s.dir.Fd(), socketName)
}

// lastWords are the last lines of the server's log that say what went wrong.
func (s *Server) lastWords() string {
	text, _ := os.ReadFile(filepath.Join(s.dir.Name(), logName))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var found []string
	for _, line := range lines {
		if _, said, ok := strings.Cut(line, " # "); ok && !strings.Contains(said, "WARNING") {
			found = append(found, said)
		}
	}
	if len(found) == 0 {
		found = lines
	}
	return strings.Join(found[max(0, len(found)-3):], "; ")
}

// Node is a client of the server. It is closed by Stop.
func (s *Server) Node() *redisnode.Node { return s.node }

// Stop ends the server and waits for its end. It may be called more than once.
func (s *Server) Stop() {
	if s.cancel != nil {
		s.cancel()
	}
	if s.node != nil {
		s.node.Close()
	}
	_ = s.process.Kill()
	<-s.ended
	_ = os.Remove(filepath.Join(s.dir.Name(), socketName))
	s.dir.Close()
}
