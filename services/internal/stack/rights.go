package stack

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// GrantRights gives the users of all Redis nodes and Sentinels, which have to be up, the rights that the lists in the
// stack's redis/ have now: the Sentinels first, then the replicas, then the primary. No connection is closed. It names the
// first server that does not take them, and can be called again.
func (s *Stack) GrantRights(ctx context.Context) error {
	primary := ""
	for _, node := range servicesOf(kindRedis) {
		info, err := ask(ctx, node.address(s.Net), s.operator(), "INFO", "replication")
		if err != nil {
			return fmt.Errorf("%s: %w", node.name, err)
		}
		if fields(info)["role"] == "master" {
			primary = node.name
		}
	}
	for _, svc := range append(servicesOf(kindSentinel), servicesOf(kindRedis)...) {
		if svc.name == primary {
			continue
		}
		if err := s.grantRights(ctx, svc); err != nil {
			return err
		}
	}
	if primary == "" {
		return nil
	}
	return s.grantRights(ctx, serviceNamed(primary))
}

// grantRights runs redis/grant-rights.sh with the settings that the start script of the same server has.
func (s *Stack) grantRights(ctx context.Context, svc service) error {
	list := "redis"
	if svc.kind == kindSentinel {
		list = "sentinel"
	}
	prepared := s.script(svc, filepath.Join(s.dir, svc.name), "grant-rights.sh")
	command := exec.CommandContext(ctx, prepared.argv[0], append(prepared.argv[1:], list)...)
	command.Env, command.Dir = prepared.env, prepared.dir
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("granting the rights on %s: %w\n%s", svc.name, err, said)
	}
	return nil
}
