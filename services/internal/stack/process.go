package stack

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// command is how a service's program is started.
type command struct {
	argv []string
	env  []string
	dir  string
}

// Process is one service of the stack: a program in a process group of its own,
// which may end and be started again. All methods may be called at any time from
// several goroutines.
type Process struct {
	service service
	net     string
	logPath string
	// pidPath is a file with the process id while the service is alive, for people
	// and for Inspect.
	pidPath string
	command command
	// environment gives the environment anew at each start, or nil where that of the first start holds. May be nil.
	environment func() ([]string, error)
	// ready says what is missing until the service can be used, or nil.
	ready      func(context.Context) error
	startLimit time.Duration
	undertaker *undertaker
	supervise  bool
	log        *slog.Logger

	mu  sync.Mutex
	run *run
	// wanted is whether the supervisor starts the service again when it dies.
	wanted bool
	// deaths counts those in a row that came soon after a start.
	deaths int
	closed bool
	quit   chan struct{}
}

// run is one life of a process.
type run struct {
	cmd     *exec.Cmd
	started time.Time
	// over is closed when the whole group has ended; the rest is set before.
	over  chan struct{}
	ended time.Time
	why   error
}

func (r *run) alive() bool {
	if r == nil {
		return false
	}
	select {
	case <-r.over:
		return false
	default:
		return true
	}
}

// Name is the service's name, such as "redis-1". It carries no role: roles move.
func (p *Process) Name() string { return p.service.name }

// Addr is the ip:port that the service's clients use.
func (p *Process) Addr() string { return p.service.address(p.net) }

// StatusAddr is the ip:port at which the service tells how it is; of the API, with /metrics.
func (p *Process) StatusAddr() string { return p.service.statusAddress(p.net) }

// LogPath is the file that holds what the service has printed in all its lives.
func (p *Process) LogPath() string { return p.logPath }

// PID is the process id, also the id of its group, or 0 while it is down.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.run.alive() {
		return 0
	}
	return p.run.cmd.Process.Pid
}

// start begins a new life, unless the present one lasts.
func (p *Process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return fmt.Errorf("%s: the stack is stopped", p.Name())
	}
	p.wanted = true
	if p.run.alive() {
		return nil
	}
	life, err := p.launch()
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name(), err)
	}
	p.run = life
	go p.attend(life)
	return nil
}

// Use has the service run another program, from its next start on.
func (p *Process) Use(program string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.command.argv = append([]string{program}, p.command.argv[1:]...)
}

func (p *Process) launch() (*run, error) {
	out, err := os.OpenFile(p.logPath, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.renewEnvironment()
	cmd := gated(p.command.argv)
	cmd.Env, cmd.Dir = p.command.env, p.command.dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	gate, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	life := &run{cmd: cmd, started: time.Now(), over: make(chan struct{})}
	if err := p.undertaker.add(cmd.Process.Pid); err != nil {
		gate.Close() // and the program never starts
		_ = cmd.Wait()
		return nil, fmt.Errorf("the process that would end it with us is gone: %w", err)
	}
	_ = os.WriteFile(p.pidPath, []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o600)
	return life, openGate(gate)
}

// renewEnvironment keeps the environment of the start before if there is no new one.
func (p *Process) renewEnvironment() {
	if p.environment == nil {
		return
	}
	env, err := p.environment()
	if err != nil {
		p.log.Error("started with the secrets of the start before", "service", p.Name(), "error", err)
	} else if env != nil {
		p.command.env = env
	}
}

// attend waits for the end of a life without reaping, ends what the leader leaves
// behind of its group (nginx's workers go on serving without their master), and
// reaps last: until then the group's number cannot become another's.
func (p *Process) attend(life *run) {
	pid := life.cmd.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	p.bury(life)
	if p.supervise {
		p.revive(life)
	}
}

// bury holds the lock throughout, so that nobody sends a signal to a number that
// was just given back.
func (p *Process) bury(life *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pid := life.cmd.Process.Pid
	_ = unix.Kill(-pid, unix.SIGKILL)
	awaitGroup(pid, groupLimit)
	_ = os.Remove(p.pidPath)
	p.undertaker.del(pid)
	life.why, life.ended = life.cmd.Wait(), time.Now()
	close(life.over)
}

func (p *Process) life() *run {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.run
}

// shut makes this the last life: nothing starts the service again.
func (p *Process) shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed, p.wanted = true, false
		close(p.quit)
	}
}
