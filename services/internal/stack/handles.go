package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
)

// URL is the shop's address as clients use it, through nginx.
func (s *Stack) URL() string { return fmt.Sprintf("http://%s.%d:%d", s.Net, edgeHost, edgePort) }

// Dir is where data, rendered configuration and logs live.
func (s *Stack) Dir() string { return s.dir }

// Setting is a value of .env as this stack uses it, secrets included; empty for
// a name that nobody knows.
func (s *Stack) Setting(name string) string { return s.settings[name] }

// Settings are all of them, secrets included.
func (s *Stack) Settings() map[string]string { return maps.Clone(s.settings) }

// Sentinels lists the Sentinels as host:port.
func (s *Stack) Sentinels() []string { return SentinelsOf(s.Net) }

// SentinelsOf lists the Sentinels of a stack on a prefix as host:port.
func SentinelsOf(prefix string) []string { return addresses(prefix, kindSentinel, service.address) }

// Process is the handle of a service, or nil if the stack was started without it.
func (s *Stack) Process(name string) *Process {
	for _, p := range s.processes {
		if p.Name() == name {
			return p
		}
	}
	return nil
}

// Processes lists all handles in the order of the start.
func (s *Stack) Processes() []*Process { return append([]*Process(nil), s.processes...) }

// operator is the user who may do everything, on Redis nodes and Sentinels alike.
func (s *Stack) operator() login {
	return login{s.Setting("REDIS_ADMIN_USER"), s.Setting("REDIS_ADMIN_PASSWORD")}
}

// Redis sends one command to a Redis node or a Sentinel, as the operator, and
// returns the reply as text, nested replies one element a line. It waits for one
// second at most.
func (s *Stack) Redis(ctx context.Context, name string, command ...string) (string, error) {
	p := s.Process(name)
	if p == nil {
		return "", fmt.Errorf("this stack has no %s", name)
	}
	return ask(ctx, p.Addr(), s.operator(), command...)
}

// Refusals lists what the Redis nodes and Sentinels that are up have refused since
// their start: commands, keys and channels that a user has no right to, and wrong
// passwords, one text for each server that has any.
func (s *Stack) Refusals(ctx context.Context) (found []string, err error) {
	for _, p := range s.ofKind(kindRedis, kindSentinel) {
		if p.PID() == 0 {
			continue
		}
		log, err := s.Redis(ctx, p.Name(), "ACL", "LOG")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name(), err)
		}
		if log != "" {
			found = append(found, p.Name()+":\n"+log)
		}
	}
	return found, nil
}

// ErrNoPrimary says that no two Sentinels name the same node.
var ErrNoPrimary = errors.New("no two Sentinels name the same primary")

// Primary is the name of the node that at least two Sentinels tell clients to use.
func (s *Stack) Primary(ctx context.Context) (string, error) {
	votes := map[string]int{}
	for _, p := range s.ofKind(kindSentinel) {
		named, err := s.primaryBy(ctx, p.service)
		if err != nil {
			continue
		}
		if votes[named]++; votes[named] == 2 {
			return named, nil
		}
	}
	return "", ErrNoPrimary
}

// primaryBy is the node that one Sentinel names, by its name.
func (s *Stack) primaryBy(ctx context.Context, sentinel service) (string, error) {
	reply, err := ask(ctx, sentinel.address(s.Net), s.operator(),
		"SENTINEL", "GET-MASTER-ADDR-BY-NAME", s.Setting("REDIS_MASTER_NAME"))
	if err != nil {
		return "", err
	}
	for _, svc := range topology() {
		if svc.kind == kindRedis && reply == fmt.Sprintf("%s\n%d", svc.ip(s.Net), svc.port) {
			return svc.name, nil
		}
	}
	return "", fmt.Errorf("%s names a node that is none of ours: %q", sentinel.name, reply)
}

// AwaitPrimary returns the primary once two Sentinels name it, it says itself
// that it is one, and accept (if not nil) takes it; or an error when ctx ends.
func (s *Stack) AwaitPrimary(ctx context.Context, accept func(name string) bool) (string, error) {
	var found string
	err := await(ctx, func(ctx context.Context) (err error) {
		if found, err = s.Primary(ctx); err != nil {
			return err
		}
		info, err := s.Redis(ctx, found, "INFO", "replication")
		if err != nil {
			return err
		}
		if fields(info)["role"] != "master" || (accept != nil && !accept(found)) {
			return fmt.Errorf("the primary is %s", found)
		}
		return nil
	})
	return found, err
}

// AwaitHealthy returns when every service that is up can be used, or with what
// is missing.
func (s *Stack) AwaitHealthy(ctx context.Context) error {
	for _, p := range s.processes {
		if p.PID() == 0 {
			continue
		}
		if err := p.awaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}
