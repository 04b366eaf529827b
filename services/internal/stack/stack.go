// Package stack runs the whole shop as native processes: the real Redis nodes,
// Sentinels, API replicas, nginx and Prometheus, from the very files that the
// containers use, on the addresses of one prefix of the loopback network. It
// serves `make up`, the tests and whatever else needs a real shop to work on.
package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say what to start. The zero value is a complete private stack.
type Options struct {
	// Net is the prefix of all addresses, three octets such as "127.20.0". Empty:
	// a free private one.
	Net string
	// Dir is where data, rendered configuration and logs live, and stay. Empty: a
	// temporary directory that Stop removes.
	Dir string
	// Settings are those of .env. What is missing comes from .env.example, secrets
	// are made up.
	Settings map[string]string
	// Services names what to start; nil is Everything(), which leaves the Observers out.
	Services []string
	// Supervise starts again what dies.
	Supervise bool
	// AlsoListen is one more host:port for nginx, besides NET.4:8080.
	AlsoListen string
	// Log hears what happens to the processes; nil is nobody.
	Log *slog.Logger
	// APIBinary is the API's program. Empty: it is built.
	APIBinary string
	// APIBinaries names the program of single API replicas, such as "api-1". Those that it lacks run APIBinary.
	APIBinaries map[string]string
	// MailBinary is the program that catches mails when it is called with "mail": that
	// of services/local. Empty: it is built.
	MailBinary string
	// Reread reads the Redis users' secrets again, at each start of a service. Nil: those of Settings hold.
	Reread func() (map[string]string, error)
	// Files is a directory whose redis/, nginx/, prometheus/ and .env.example are used
	// instead of those that ship. Empty: those that ship.
	Files string
}

// Stack is a running shop, or a part of one.
type Stack struct {
	// Net is the prefix of its addresses.
	Net string

	root        string // of the repository
	files       string // where the configuration is: the root, or Options.Files
	dir         string
	temporary   bool
	settings    map[string]string
	alsoListen  string
	apiBinary   string
	apiBinaries map[string]string // of single replicas
	mailBinary  string
	reread      func() (map[string]string, error)
	log         *slog.Logger
	lock        *lock
	undertaker  *undertaker
	processes   []*Process
	stop        func(context.Context) error
}

// Start claims the prefix, starts what o names and returns when all of it can be
// used, about 4 s for everything when the data is new. A prefix in use is a
// *HeldError, and nothing was changed. On any error nothing is left running.
func Start(ctx context.Context, o Options) (*Stack, error) {
	s, err := New(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := s.Up(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

// New claims the prefix and prepares everything, but starts no service: tests
// that look at the start itself go on with Process and Restart. End it with Stop.
func New(ctx context.Context, o Options) (*Stack, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	s := &Stack{
		Net: o.Net, dir: o.Dir, root: root, files: o.Files, alsoListen: o.AlsoListen,
		apiBinary: o.APIBinary, apiBinaries: o.APIBinaries, mailBinary: o.MailBinary, log: o.Log,
	}
	if s.files == "" {
		s.files = root
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.stop = s.stopOnce()
	if err := s.claim(); err != nil {
		return nil, err
	}
	if err := s.furnish(ctx, o); err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return s, nil
}

// claim takes the prefix, before anything is written anywhere.
func (s *Stack) claim() (err error) {
	owner := s.dir
	if owner == "" {
		owner = "a temporary directory of " + s.root
	}
	if s.Net == "" {
		s.lock, s.Net, err = claimPrivate(lockDir(), owner)
	} else {
		s.lock, err = claim(lockDir(), s.Net, s.alsoListen, owner)
	}
	return err
}

// furnish makes all that the processes need, and the processes, still down.
func (s *Stack) furnish(ctx context.Context, o Options) (err error) {
	if s.dir == "" {
		s.temporary = true
		if s.dir, err = os.MkdirTemp("", "evergreen-"); err != nil {
			return err
		}
	}
	for _, made := range []string{"logs", "run"} {
		if err := os.MkdirAll(filepath.Join(s.dir, made), 0o700); err != nil {
			return err
		}
	}
	if s.settings, err = defaults(s.files); err != nil {
		return err
	}
	maps.Copy(s.settings, o.Settings)
	if s.undertaker, err = startUndertaker(s.lock.file); err != nil {
		return err
	}
	chosen := o.Services
	if chosen == nil {
		chosen = Everything()
	}
	if err := os.WriteFile(startedPath(s.dir), []byte(strings.Join(chosen, "\n")), 0o600); err != nil {
		return err
	}
	for _, svc := range topology() {
		if slices.Contains(chosen, svc.name) {
			if err := s.add(ctx, svc, o.Supervise); err != nil {
				return fmt.Errorf("%s: %w", svc.name, err)
			}
		}
	}
	s.reread = o.Reread
	return s.rereadSecrets()
}

func (s *Stack) add(ctx context.Context, svc service, supervise bool) error {
	if err := s.build(ctx, svc); err != nil {
		return err
	}
	started, err := s.prepare(svc)
	if err != nil {
		return err
	}
	logPath := filepath.Join(s.dir, "logs", svc.name+".log")
	if err := rotate(logPath); err != nil {
		return err
	}
	p := &Process{
		service: svc, net: s.Net, logPath: logPath, pidPath: pidPath(s.dir, svc), command: started,
		undertaker: s.undertaker, supervise: supervise, log: s.log, quit: make(chan struct{}),
	}
	p.ready, p.startLimit = s.readiness(svc)
	s.processes = append(s.processes, p)
	return nil
}

// ofKind lists the stack's processes of these kinds, in the order of the start.
func (s *Stack) ofKind(kinds ...kind) []*Process {
	var found []*Process
	for _, p := range s.processes {
		if slices.Contains(kinds, p.service.kind) {
			found = append(found, p)
		}
	}
	return found
}

// rotate keeps a log from growing over all bounds: at a start, what is larger
// than 10 MiB becomes NAME.1, and what was that is gone.
func rotate(path string) error {
	const most = 10 << 20
	info, err := os.Stat(path)
	if err != nil || info.Size() < most {
		return nil //nolint:nilerr // no log yet
	}
	return os.Rename(path, path+".1")
}
