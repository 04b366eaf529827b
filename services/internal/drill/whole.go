package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"evergreen/services/internal/stack"
)

// wholeWithin is how long a shop may take to mend itself: an old primary that
// comes back is made a replica by Sentinel after about 10 s, and a Sentinel that
// stood still does nothing for 30 s.
const wholeWithin = 60 * time.Second

// mostBehind is how far behind a replica may be seen that follows: it is asked a
// moment later than the primary, and there are heartbeats.
const mostBehind = 64 << 10 // bytes

// shop is what a run is made against: a private stack, or a shop that somebody
// else has started.
type shop struct {
	url, email, password string

	stack Stack // nil if there is no hold on its processes
	// net and settings are of the stack; net is empty if nothing is known of somebody
	// else's shop but its URL.
	net      string
	dir      string
	settings map[string]string
	services []string // that have to be up
	// mend undoes what a run left that failed; leave ends what the drill has running in
	// the shop; saveLogs writes the logs into a directory, where dir has none. All are nil
	// but in containers.
	mend     func(context.Context) error
	leave    func()
	saveLogs func(ctx context.Context, to string) error
}

// private is the shop of a stack that the drill has started.
func private(s *stack.Stack) *shop {
	made := &shop{
		url: s.URL(), email: s.Setting("ADMIN_EMAIL"), password: s.Setting("ADMIN_PASSWORD"),
		stack: native{s}, net: s.Net, dir: s.Dir(), settings: map[string]string{},
	}
	for _, name := range neededSettings() {
		made.settings[name] = s.Setting(name)
	}
	for _, p := range s.Processes() {
		made.services = append(made.services, p.Name())
	}
	return made
}

// neededSettings are those that it takes to ask the Redis nodes and the Sentinels.
func neededSettings() []string {
	return []string{"REDIS_ADMIN_USER", "REDIS_ADMIN_PASSWORD", "REDIS_MASTER_NAME", "SENTINEL_DOWN_AFTER_MS"}
}

// running is a shop that somebody else has started.
func running(url, net string, settings map[string]string) *shop {
	return &shop{
		url: url, email: settings["ADMIN_EMAIL"], password: settings["ADMIN_PASSWORD"], net: net,
		settings: maps.Clone(settings), services: WithoutPrometheus(),
	}
}

// awaitWhole returns when nothing is left of any fault: everything is up, all
// Sentinels name one primary, miss nobody and are doing nothing, no other node
// says that it is primary, and both replicas have what it has.
func (s *shop) awaitWhole(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wholeWithin)
	defer cancel()
	if err := until(ctx, s.whole); err != nil {
		return fmt.Errorf("the shop is not whole after %v: %w", wholeWithin, err)
	}
	return nil
}

func (s *shop) whole(ctx context.Context) error {
	if s.net == "" && s.stack == nil {
		return s.answers(ctx)
	}
	states, primary := s.inspect(ctx)
	for _, state := range states {
		if err := s.fit(state, primary); err != nil {
			return fmt.Errorf("%s: %w", state.Name, err)
		}
	}
	if s.stack == nil {
		return nil
	}
	for _, state := range states {
		if state.Names == "" {
			continue
		}
		if err := s.calm(ctx, state.Name); err != nil {
			return fmt.Errorf("%s: %w", state.Name, err)
		}
	}
	return nil
}

func (s *shop) inspect(ctx context.Context) (states []stack.State, primary string) {
	if s.stack != nil {
		return s.stack.Inspect(ctx)
	}
	report := stack.Inspect(ctx, s.net, s.dir, s.settings)
	return report.Services, report.Primary
}

// fit says what is not as it should be with one service.
func (s *shop) fit(state stack.State, primary string) error {
	switch {
	case !slices.Contains(s.services, state.Name):
		return nil
	case !state.Up:
		return errors.New(state.Trouble)
	case state.Role == "primary" && state.Name != primary:
		return fmt.Errorf("it says that it is primary, and the Sentinels name %q", primary)
	case state.Role == "replica" && (state.Link != "up" || state.Behind < 0):
		return errors.New("its link to the primary is down")
	case state.Role == "replica" && state.Behind > mostBehind:
		return fmt.Errorf("it is %d bytes behind", state.Behind)
	case state.Names != "" && state.Names != primary:
		return fmt.Errorf("it names %s, others %s", state.Names, primary)
	case state.Names != "" && (state.Replicas != 2 || state.Sentinels != 2):
		return fmt.Errorf("it knows %d of 2 replicas and %d of 2 other Sentinels", state.Replicas, state.Sentinels)
	}
	return nil
}

// calm demands that a Sentinel is ready to act on the next fault.
func (s *shop) calm(ctx context.Context, sentinel string) error {
	name := s.settings["REDIS_MASTER_NAME"]
	info, err := s.stack.Redis(ctx, sentinel, "INFO", "sentinel")
	if err != nil {
		return err
	}
	if !strings.Contains(info, "sentinel_tilt:0") {
		return errors.New("it stood still a while ago, and does nothing for 30 s (tilt)")
	}
	if !strings.Contains(info, "status=ok") {
		return errors.New("it does not find the primary well")
	}
	for _, question := range []string{"REPLICAS", "SENTINELS"} {
		others, err := s.stack.Redis(ctx, sentinel, "SENTINEL", question, name)
		if err != nil {
			return err
		}
		if strings.Contains(others, "s_down") || strings.Contains(others, "disconnected") {
			return fmt.Errorf("it misses one of its %s", strings.ToLower(question))
		}
	}
	return nil
}

// answers is all that can be asked of a shop of which only the URL is known.
func (s *shop) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/products?limit=1", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Cache-Control", "no-cache") // as strong as a write
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}
