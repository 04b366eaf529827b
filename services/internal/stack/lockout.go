package stack

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"evergreen/services/internal/config"
)

// apiUser is the name of the API's Redis user in redis/users.acl, without its layout.
const apiUser = "api"

// Access is how the Redis nodes and Sentinels of a running stack are asked who may
// come in, and how programs of older layouts are locked out. It needs no handle:
// another process may have started the stack.
type Access struct {
	// Net is the prefix of the addresses, Dir where a native stack keeps its files, and
	// Files where the scripts in redis/ are.
	Net, Dir, Files string
	// Settings are those of .env.
	Settings map[string]string
}

func (a Access) stack() *Stack {
	return &Stack{Net: a.Net, dir: a.Dir, files: a.Files, settings: a.Settings}
}

// LockOut locks programs of a layout before this one out of every Redis node and
// Sentinel of a native stack: the replicas first, then the primary, then the Sentinels.
// It can be cut off anywhere and called again.
func (a Access) LockOut(ctx context.Context, layout int, say func(format string, a ...any)) error {
	s := a.stack()
	ordered, err := s.replicasFirst(ctx)
	if err != nil {
		return err
	}
	for _, svc := range ordered {
		if err := s.lockOut(ctx, svc, layout); err != nil {
			return err
		}
		say("%s lets in no program of a layout before %d", svc.name, layout)
	}
	return nil
}

// replicasFirst lists the Redis nodes with the primary last, and then the Sentinels.
func (s *Stack) replicasFirst(ctx context.Context) ([]service, error) {
	var replicas, primaries []service
	for _, node := range servicesOf(kindRedis) {
		info, err := ask(ctx, node.address(s.Net), s.operator(), "INFO", "replication")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", node.name, err)
		}
		if fields(info)["role"] == "master" {
			primaries = append(primaries, node)
		} else {
			replicas = append(replicas, node)
		}
	}
	return slices.Concat(replicas, primaries, servicesOf(kindSentinel)), nil
}

// lockOut runs redis/lock-out.sh with the settings that the server's start script has.
func (s *Stack) lockOut(ctx context.Context, svc service, layout int) error {
	list := "redis"
	if svc.kind == kindSentinel {
		list = "sentinel"
	}
	prepared := s.script(svc, filepath.Join(s.dir, svc.name), "lock-out.sh")
	command := exec.CommandContext(ctx, prepared.argv[0], append(prepared.argv[1:], list, strconv.Itoa(layout))...)
	command.Env, command.Dir = prepared.env, prepared.dir
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("locking older programs out of %s: %w\n%s", svc.name, err, said)
	}
	return nil
}

// Admits holds that every node and Sentinel knows the user of a layout.
func (a Access) Admits(ctx context.Context, layout int) error {
	wanted := config.UserOf(apiUser, layout)
	return a.each(ctx, func(users, _ []string) error {
		if !slices.Contains(users, wanted) {
			return fmt.Errorf("there is no user %s yet: `make rolling-upgrade` comes first", wanted)
		}
		return nil
	})
}

// LockedOut holds that no node and no Sentinel knows a user of a layout before this
// one, or has a connection of it. The error names each that does.
func (a Access) LockedOut(ctx context.Context, layout int) error {
	return a.each(ctx, func(users, connected []string) (err error) {
		for older := 1; older < layout; older++ {
			user := config.UserOf(apiUser, older)
			if slices.Contains(users, user) {
				err = errors.Join(err, fmt.Errorf("the user %s may still come in", user))
			}
			if slices.Contains(connected, user) {
				err = errors.Join(err, fmt.Errorf("the user %s has a connection", user))
			}
		}
		return err
	})
}

// each asks every node and Sentinel for its users and for those who are connected.
func (a Access) each(ctx context.Context, check func(users, connected []string) error) (all error) {
	s := a.stack()
	for _, svc := range append(servicesOf(kindRedis), servicesOf(kindSentinel)...) {
		users, err := ask(ctx, svc.address(s.Net), s.operator(), "ACL", "USERS")
		if err == nil {
			var clients string
			if clients, err = ask(ctx, svc.address(s.Net), s.operator(), "CLIENT", "LIST"); err == nil {
				err = check(strings.Fields(users), usersOf(clients))
			}
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("%s: %w", svc.name, err))
		}
	}
	return all
}

// usersOf reads the users out of CLIENT LIST.
func usersOf(clients string) (users []string) {
	for _, field := range strings.Fields(clients) {
		if user, is := strings.CutPrefix(field, "user="); is {
			users = append(users, user)
		}
	}
	return users
}

// Ask sends one command to a Redis node or a Sentinel as the operator. It waits for one
// second at most.
func (a Access) Ask(ctx context.Context, name string, command ...string) (string, error) {
	s := a.stack()
	return ask(ctx, serviceNamed(name).address(s.Net), s.operator(), command...)
}
