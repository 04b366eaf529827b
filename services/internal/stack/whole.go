package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
)

// mostBehind is how far behind a replica may be seen that follows: it is asked a
// moment later than the primary, while the shop sells.
const mostBehind = 64 << 10 // bytes

// InspectContainers is Inspect for a shop in containers, from one that is in their
// network. There may be more than two API replicas, and nobody knows a process id.
// Grafana is not asked: whether it runs is a matter of profiles.
func InspectContainers(ctx context.Context, prefix string, apiReplicas int, settings map[string]string) Report {
	return (&Stack{Net: prefix, settings: settings}).report(ctx, withReplicas(apiReplicas))
}

// withReplicas is the topology with so many API replicas, at least two.
func withReplicas(n int) []service {
	var all []service
	for _, svc := range topology() {
		if svc.kind == kindGrafana {
			continue
		}
		all = append(all, svc)
		if svc.name != "api-2" {
			continue
		}
		for k := 3; k <= n; k++ {
			further := svc
			further.name, further.host = fmt.Sprintf("api-%d", k), k+30 // as APIAddress has it
			all = append(all, further)
		}
	}
	return all
}

// Lacks says what keeps the shop from riding out the loss of any one of its
// processes: one text each, nothing if it is whole. What watches it does not count,
// for nobody buys from it.
func (r Report) Lacks() (lacks []string) {
	primary, lacks := r.onePrimary()
	for _, state := range r.Services {
		if !state.Up {
			if !Watches(state.Name) {
				lacks = append(lacks, state.Name+": "+state.Trouble)
			}
			continue
		}
		lack := state.lackAsNode(primary)
		if state.Names != "" {
			lack = state.lackAsSentinel(primary.Name)
		}
		if lack != "" {
			lacks = append(lacks, state.Name+": "+lack)
		}
	}
	return lacks
}

// onePrimary is the node that alone says it is primary.
func (r Report) onePrimary() (primary State, lacks []string) {
	var names []string
	for _, state := range r.Services {
		if state.Up && state.Role == "primary" {
			primary, names = state, append(names, state.Name)
		}
	}
	switch len(names) {
	case 0:
		return primary, []string{"no node says that it is primary"}
	case 1:
		return primary, nil
	}
	return State{}, []string{strings.Join(names, " and ") + " both say that they are primary"}
}

// lackAsNode is about a Redis node; it has no fault to find with anything else.
func (state State) lackAsNode(primary State) string {
	host, _, _ := net.SplitHostPort(primary.Addr)
	switch {
	case state.Role == "primary" && state.Online != 2:
		return fmt.Sprintf("%d of 2 replicas get what it writes", state.Online)
	case state.Role == "replica" && state.Link != "up":
		return "its link to its primary is " + state.Link
	case state.Role == "replica" && primary.Name != "" && state.Follows != host:
		return fmt.Sprintf("it follows %s, not %s", state.Follows, primary.Name)
	case state.Role == "replica" && state.Behind > mostBehind:
		return fmt.Sprintf("it is %d bytes behind", state.Behind)
	}
	return ""
}

func (state State) lackAsSentinel(primary string) string {
	switch {
	case primary != "" && state.Names != primary:
		return fmt.Sprintf("it names %s, and primary is %s", state.Names, primary)
	case state.Replicas != 2 || state.Sentinels != 2:
		return fmt.Sprintf("it knows %d of 2 replicas and %d of 2 other Sentinels", state.Replicas, state.Sentinels)
	}
	return state.Unrest
}

// calm demands that a Sentinel misses nobody and is doing nothing.
func (s *Stack) calm(ctx context.Context, sentinel service) error {
	view, err := s.sentinelView(ctx, sentinel)
	if err != nil {
		return err
	}
	if view["flags"] != "master" {
		return fmt.Errorf("it says of the primary: %s", view["flags"])
	}
	if view["num-slaves"] != "2" || view["num-other-sentinels"] != "2" {
		return fmt.Errorf("it knows %s of 2 replicas and %s of 2 other Sentinels", view["num-slaves"], view["num-other-sentinels"])
	}
	for question, whom := range map[string]string{"REPLICAS": "replica", "SENTINELS": "other Sentinel"} {
		others, err := ask(ctx, sentinel.address(s.Net), s.operator(), "SENTINEL", question, s.Setting("REDIS_MASTER_NAME"))
		if err != nil || strings.Contains(others, "s_down") || strings.Contains(others, "disconnected") {
			return errors.Join(fmt.Errorf("it cannot reach every %s", whom), err)
		}
	}
	info, err := ask(ctx, sentinel.address(s.Net), s.operator(), "INFO", "sentinel")
	if err == nil && fields(info)["sentinel_tilt"] != "0" {
		err = errors.New("it stood still a while ago, and does nothing for 30 s (tilt)")
	}
	return err
}
