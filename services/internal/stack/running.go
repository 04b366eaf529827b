package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotRunning says that no stack runs on a prefix.
var ErrNotRunning = errors.New("no shop runs")

// Running is a stack that another process has started and supervises: `make up`, of this version or of an earlier one.
// What is changed in its directory holds from a service's next start on.
type Running struct {
	s *Stack
	// supervisor is the process id of `make up`.
	supervisor int
}

// FindRunning gives a handle on the stack on o.Net that keeps its files in o.Dir. Settings and AlsoListen have to be those that
// it was started with. It returns ErrNotRunning where nothing has the prefix, and a *HeldError where another directory has.
func FindRunning(o Options) (*Running, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	s := &Stack{Net: o.Net, dir: o.Dir, root: root, files: o.Files, settings: o.Settings, alsoListen: o.AlsoListen}
	if s.files == "" {
		s.files = root
	}
	var held *HeldError
	err = WhileFree(o.Net, "a look whether a stack runs", func() error { return fmt.Errorf("%w on %s", ErrNotRunning, o.Net) })
	if !errors.As(err, &held) {
		return nil, err
	}
	if !strings.Contains(held.Holder, " in "+o.Dir+" ") {
		return nil, held
	}
	return &Running{s, holderPID(held.Holder)}, nil
}

// Report is what the stack looks like.
func (r *Running) Report(ctx context.Context) Report {
	return Inspect(ctx, r.s.Net, r.s.dir, r.s.settings)
}

// GrantRights is Stack.GrantRights.
func (r *Running) GrantRights(ctx context.Context) error { return r.s.GrantRights(ctx) }

// Handover is Stack.Handover.
func (r *Running) Handover(ctx context.Context, say func(format string, a ...any)) error {
	return r.s.Handover(ctx, say)
}

// Names lists the services of a row, such as "redis-".
func (r *Running) Names(row string) []string {
	return names(func(svc service) bool { return InRow(svc.name, row) })
}

// Program is where the supervisor starts the API's program from.
func (r *Running) Program() string { return filepath.Join(r.s.dir, "api") }

// Build builds the API's program of the repository and puts it at target.
func (r *Running) Build(ctx context.Context, target string) error {
	return buildProgram(ctx, r.s.root, "api", target)
}

// PID is a service's process id, or 0 while it is down.
func (r *Running) PID(name string) int { return readPID(pidPath(r.s.dir, serviceNamed(name))) }

// Runs says whether a service runs the very program at path, byte for byte.
func (r *Running) Runs(name, path string) (bool, error) {
	return SameContent(fmt.Sprintf("/proc/%d/exe", r.PID(name)), path)
}

// SameContent compares two files.
func SameContent(one, other string) (bool, error) {
	a, err := os.ReadFile(one)
	if err != nil {
		return false, err
	}
	b, err := os.ReadFile(other)
	return err == nil && string(a) == string(b), err
}

// ReadsOldFiles says whether a Redis node's or a Sentinel's configuration was changed after its start. Its rights are not
// part of that: GrantRights changes those of a running server.
func (r *Running) ReadsOldFiles(name string) (bool, error) {
	svc, config := serviceNamed(name), "redis.conf"
	if svc.kind == kindSentinel {
		config = "sentinel.conf"
	}
	read, err := os.Stat(filepath.Join(r.s.files, "redis", config))
	if err != nil {
		return false, err
	}
	started, err := os.Stat(pidPath(r.s.dir, svc))
	if err != nil {
		return false, err
	}
	return read.ModTime().After(started.ModTime()), nil
}

// askAgainAfter is when Redis is asked once more to end: a replica that is just writing its first file after a full copy
// forgets the request.
const askAgainAfter = time.Second

// Renew ends a service as its program likes to be ended, and returns when the supervisor has started it again, not yet when
// it can be used.
func (r *Running) Renew(ctx context.Context, name string) error {
	svc, old := serviceNamed(name), r.PID(name)
	if old == 0 {
		return fmt.Errorf("%s is down", name)
	}
	asked := time.Time{}
	return await(ctx, func(context.Context) error {
		switch now := r.PID(name); {
		case now == old && (asked.IsZero() || svc.kind == kindRedis && time.Since(asked) > askAgainAfter):
			asked = time.Now()
			_ = unix.Kill(-old, unix.SIGTERM) // fails only if it has ended by now
		case now != 0 && now != old:
			return nil
		}
		return fmt.Errorf("%s, process %d, has not ended and been started again", name, old)
	})
}

// LogTail is the end of what a service has printed, for an error's text.
func (r *Running) LogTail(name string) string {
	return tail(filepath.Join(r.s.dir, "logs", name+".log"), 15)
}

// Install puts a program where the supervisor starts the API from, and keeps the one that was there as PROGRAM.previous.
// The API's program is there at every moment: what dies meanwhile is started again.
func (r *Running) Install(program string) error {
	api := r.Program()
	if same, err := SameContent(program, api); err != nil || same {
		return err
	}
	for from, to := range map[string]string{program: api + ".next", api: api + ".kept"} {
		if err := copyProgram(from, to); err != nil {
			return err
		}
	}
	if err := os.Rename(api+".kept", api+".previous"); err != nil {
		return err
	}
	return os.Rename(api+".next", api)
}

// copyProgram makes a file of its own: a program that runs must not be written to.
func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
