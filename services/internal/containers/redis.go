package containers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/stack"
)

// askLimit bounds one question: a paused container does not answer at all.
const askLimit = 5 * time.Second

// asOperator sends a command to the server in its container. The password comes
// from the container's own environment.
const asOperator = `REDISCLI_AUTH=$REDIS_ADMIN_PASSWORD exec redis-cli -e --user "$REDIS_ADMIN_USER" -h "$NODE_ADDRESS" -p "$0" "$@"`

// Redis sends one command to a Redis node or a Sentinel, as the operator, and
// returns the reply as text, nested replies one element a line.
func (p *Project) Redis(ctx context.Context, name string, command ...string) (string, error) {
	s := p.Service(name)
	if s == nil {
		return "", fmt.Errorf("this project has no %s", name)
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	reply, err := s.Exec(ctx, append([]string{"sh", "-c", asOperator, strconv.Itoa(s.port())}, command...)...)
	return strings.TrimSuffix(strings.ReplaceAll(reply, "\r\n", "\n"), "\n"), err
}

// Primary is the node that at least two Sentinels tell clients to use. As with the
// native stack, the error is stack.ErrNoPrimary when there is none.
func (p *Project) Primary(ctx context.Context) (string, error) {
	sentinels := p.Named("sentinel-")
	named := make([]string, len(sentinels))
	var all errgroup.Group
	for i, s := range sentinels {
		all.Go(func() error {
			named[i] = p.namedBy(ctx, s.name)
			return nil
		})
	}
	_ = all.Wait()
	votes := map[string]int{}
	for _, name := range named {
		if votes[name]++; name != "" && votes[name] == 2 {
			return name, nil
		}
	}
	return "", stack.ErrNoPrimary
}

// namedBy is the node that one Sentinel names; "" if it does not answer.
func (p *Project) namedBy(ctx context.Context, sentinel string) string {
	reply, err := p.Redis(ctx, sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", p.masterName())
	if err != nil {
		return ""
	}
	for _, node := range p.Named("redis-") {
		if reply == node.host+"\n6379" {
			return node.name
		}
	}
	return ""
}

func (p *Project) masterName() string {
	return cmp.Or(p.Setting("REDIS_MASTER_NAME"), "evergreen")
}

// AwaitPrimary returns the primary once two Sentinels name it, it says itself that
// it is one, and accept (if not nil) takes it; or an error when ctx ends.
func (p *Project) AwaitPrimary(ctx context.Context, accept func(name string) bool) (string, error) {
	var found string
	err := until(ctx, func(ctx context.Context) (err error) {
		if found, err = p.Primary(ctx); err != nil {
			return err
		}
		state, err := p.Replication(ctx, found)
		if err != nil {
			return err
		}
		if state["role"] != "master" || (accept != nil && !accept(found)) {
			return fmt.Errorf("the primary is %s", found)
		}
		return nil
	})
	return found, err
}

// Replication is what a Redis node says about its part in the replication.
func (p *Project) Replication(ctx context.Context, node string) (map[string]string, error) {
	info, err := p.Redis(ctx, node, "INFO", "replication")
	found := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			found[name] = value
		}
	}
	return found, err
}

// AwaitHealthy returns when nothing is left of any fault: every container is healthy,
// all Sentinels name one primary and miss nobody, and both replicas follow it and
// have what it has.
func (p *Project) AwaitHealthy(ctx context.Context) error {
	if err := until(ctx, p.healthy); err != nil {
		return fmt.Errorf("the shop is not whole: %w", err)
	}
	return nil
}

func (p *Project) healthy(ctx context.Context) error {
	containers, err := p.Inspect(ctx)
	if err != nil {
		return err
	}
	for _, s := range p.services {
		if c := containers[s.name]; !c.Healthy() {
			return fmt.Errorf("%s is %s", s.name, c)
		}
	}
	primary, err := p.agreed(ctx)
	if err != nil {
		return err
	}
	var all errgroup.Group
	for _, s := range p.Named("redis-") {
		all.Go(func() error { return p.follows(ctx, s.name, primary) })
	}
	return all.Wait()
}

// agreed is the primary's address if all Sentinels name it, find it well and know all
// the others.
func (p *Project) agreed(ctx context.Context) (string, error) {
	sentinels := p.Named("sentinel-")
	named := make([]string, len(sentinels))
	var all errgroup.Group
	for i, s := range sentinels {
		all.Go(func() (err error) {
			named[i], err = p.content(ctx, s.name)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return "", err
	}
	if one := slices.Compact(named); len(one) != 1 {
		return "", fmt.Errorf("the Sentinels name %v", one)
	}
	return named[0], nil
}

// content is the primary's address as a Sentinel has it, or what that one misses.
func (p *Project) content(ctx context.Context, sentinel string) (string, error) {
	reply, err := p.Redis(ctx, sentinel, "SENTINEL", "MASTER", p.masterName())
	if err != nil {
		return "", fmt.Errorf("%s: %w", sentinel, err)
	}
	lines, view := strings.Split(reply, "\n"), map[string]string{}
	for i := 0; i+1 < len(lines); i += 2 {
		view[lines[i]] = lines[i+1]
	}
	if view["flags"] != "master" || view["num-slaves"] != "2" || view["num-other-sentinels"] != "2" {
		return "", fmt.Errorf("%s takes the primary for %s, and knows %s of 2 replicas and %s of 2 other Sentinels",
			sentinel, view["flags"], view["num-slaves"], view["num-other-sentinels"])
	}
	return view["ip"], nil
}

var errNoLink = errors.New("its link to the primary is down")

// follows demands that a node is the primary, with both replicas, or follows it.
func (p *Project) follows(ctx context.Context, node, primary string) error {
	state, err := p.Replication(ctx, node)
	is := p.Service(node).host == primary
	switch {
	case err != nil:
	case is && (state["role"] != "master" || state["connected_slaves"] != "2"):
		err = fmt.Errorf("it is %s of %s replicas, and the Sentinels name it", state["role"], state["connected_slaves"])
	case is:
	case state["role"] != "slave" || state["master_host"] != primary:
		err = fmt.Errorf("it is %s and follows %q, and the Sentinels name %s", state["role"], state["master_host"], primary)
	case state["master_link_status"] != "up" || state["master_sync_in_progress"] != "0":
		err = errNoLink
	}
	if err != nil {
		return fmt.Errorf("%s: %w", node, err)
	}
	return nil
}
