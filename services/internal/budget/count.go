package budget

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Purchases are counted one at a time, so that each is a group of its own: the commands of a larger group are shared.
// The numbers are the same in every run. The sorted sets' hash tables double at powers of two, and with these two numbers
// none is half-way at either end.
const (
	warmUp  = 200
	counted = 800
)

// backgroundLast is for how long a shop without requests is watched: its heartbeats and Sentinels are subtracted.
const backgroundLast = 3 * time.Second

// The names of the counted figures.
const (
	figurePrimaryCommands = "commands on the primary"
	figureReplicaCommands = "commands on both replicas"
	figurePrimaryAOF      = "AOF bytes of the primary"
	figureReplicaAOF      = "AOF bytes of both replicas"
	figureStream          = "bytes of the event stream"
	figureKept            = "bytes kept in Redis"
)

// figures lists them in the order of the table.
func figures() []string {
	return []string{figurePrimaryCommands, figureReplicaCommands, figurePrimaryAOF, figureReplicaAOF, figureStream, figureKept}
}

// counts is what one purchase does, by the name of the figure.
type counts struct {
	figures map[string]float64
	// commands of the primary by name, and bytes kept by the kind of key.
	commands, kept map[string]float64
}

// tally is what the nodes have counted since their start.
type tally struct {
	at       time.Time
	commands map[string]map[string]float64 // by node and command
	aof      map[string]float64            // by node
}

// count makes purchases one at a time and gives what each did.
func (s *shop) count(ctx context.Context) (c counts, err error) {
	if err := s.buyOneByOne(ctx, warmUp); err != nil {
		return c, err
	}
	kept, err := s.kept(ctx)
	if err != nil {
		return c, err
	}
	var at [3]tally
	for i, wait := range []func() error{
		func() error { return nil },
		func() error { return pass(ctx, backgroundLast) },
		func() error { return s.buyOneByOne(ctx, counted) },
	} {
		if err := wait(); err != nil {
			return c, err
		}
		if at[i], err = s.tally(ctx); err != nil {
			return c, err
		}
	}
	after, err := s.kept(ctx)
	if err != nil {
		return c, err
	}
	c.commands, c.kept = map[string]float64{}, map[string]float64{}
	for kind, bytes := range after {
		if added := (bytes - kept[kind]) / counted; added >= 0.5 {
			c.kept[kind] = added
		}
	}
	c.figures = s.figures(at, c)
	for name := range at[2].commands[s.primary] {
		if n := per(at, func(t tally) float64 { return t.commands[s.primary][name] }); n >= 0.05 {
			c.commands[name] = n
		}
	}
	return c, nil
}

// figures sums what was counted for the table.
func (s *shop) figures(at [3]tally, c counts) map[string]float64 {
	f := map[string]float64{figureStream: c.kept["events"]}
	for _, bytes := range c.kept {
		f[figureKept] += bytes
	}
	for _, node := range nodes() {
		commands, aof := figureReplicaCommands, figureReplicaAOF
		if node == s.primary {
			commands, aof = figurePrimaryCommands, figurePrimaryAOF
		}
		f[aof] += per(at, func(t tally) float64 { return t.aof[node] })
		f[commands] += per(at, func(t tally) (sum float64) {
			for _, n := range t.commands[node] {
				sum += n
			}
			return sum
		})
	}
	return f
}

// per is what each purchase added to a counter: what came while they were made, less what came in as long without them.
func per(at [3]tally, counter func(tally) float64) float64 {
	background := (counter(at[1]) - counter(at[0])) / at[1].at.Sub(at[0].at).Seconds()
	return (counter(at[2]) - counter(at[1]) - background*at[2].at.Sub(at[1].at).Seconds()) / counted
}

func (s *shop) buyOneByOne(ctx context.Context, n int) error {
	for range n {
		if err := s.buy(ctx); err != nil {
			return err
		}
	}
	return nil
}

// tally asks each node. The commands by which it asks are not counted.
func (s *shop) tally(ctx context.Context) (t tally, err error) {
	t = tally{at: time.Now(), commands: map[string]map[string]float64{}, aof: map[string]float64{}}
	for _, node := range nodes() {
		info, err := s.info(ctx, node, "persistence")
		if err != nil {
			return t, err
		}
		if t.aof[node], err = strconv.ParseFloat(info["aof_current_size"], 64); err != nil {
			return t, fmt.Errorf("%s: aof_current_size: %w", node, err)
		}
		stats, err := s.info(ctx, node, "commandstats")
		if err != nil {
			return t, err
		}
		t.commands[node] = map[string]float64{}
		for name, stat := range stats {
			calls, _, _ := strings.Cut(strings.TrimPrefix(stat, "calls="), ",")
			n, err := strconv.ParseFloat(calls, 64)
			if err != nil {
				return t, fmt.Errorf("%s: %s: %w", node, name, err)
			}
			if name = strings.TrimPrefix(name, "cmdstat_"); name != "info" && name != "auth" {
				t.commands[node][name] = n
			}
		}
	}
	return t, nil
}

// info is a section of a node's INFO, by the name of the line.
func (s *shop) info(ctx context.Context, node, section string) (map[string]string, error) {
	text, err := s.Redis(ctx, node, "INFO", section)
	if err != nil {
		return nil, err
	}
	lines := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			lines[name] = value
		}
	}
	return lines, nil
}

// keptScript gives every key of the shop and how many bytes it takes, its name and its place in the table of keys included.
const keptScript = `local reply = {}
for _, key in ipairs(redis.call('KEYS', 'evg:*')) do
  reply[#reply + 1] = key
  reply[#reply + 1] = tostring(redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0') or 0)
end
return reply`

// kept is how many bytes the primary keeps, by the kind of key. Rates are left out: they are gone in a minute.
func (s *shop) kept(ctx context.Context) (map[string]float64, error) {
	text, err := s.Redis(ctx, s.primary, "EVAL", keptScript, "0")
	if err != nil {
		return nil, err
	}
	lines, sum := strings.Split(text, "\n"), map[string]float64{}
	for i := 0; i+1 < len(lines); i += 2 {
		bytes, err := strconv.ParseFloat(lines[i+1], 64)
		if err != nil {
			return nil, fmt.Errorf("the size of %s: %w", lines[i], err)
		}
		if kind := kindOf(lines[i]); kind != "rate" {
			sum[kind] += bytes
		}
	}
	return sum, nil
}

// kindOf is a key's name without the shop's prefix and without what tells one object from another.
func kindOf(key string) string {
	parts := strings.Split(key, ":")[1:]
	kind := parts[:1]
	for _, part := range parts[1:] {
		if strings.Trim(part, "abcdefghijklmnopqrstuvwxyz_") == "" {
			kind = append(kind, part)
		}
	}
	if kind[0] == "rate" {
		kind = kind[:1]
	}
	return strings.Join(kind, ":")
}

// pass waits.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
