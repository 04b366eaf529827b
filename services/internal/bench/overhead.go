package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"evergreen/services/internal/stack"
)

// What it costs to count and to be scraped. Two replicas of the API, alike but that
// one counts nothing, answer the same requests at the same time: every client asks
// the one, then the other. The measure is what one second of a replica's own
// processor time is good for. So whatever else the machine does hits both alike, and
// callers, Redis and others that share its cores do not count.

// The ways to answer requests.
const (
	metered   = "with metrics, scraped"
	unmetered = "without metrics"
)

func overheadBars() []bar {
	return []bar{{of: metered, to: unmetered, least: 0.97, says: "what metrics and scraping cost"}}
}

// withoutMetrics names the setting that lists the replicas that count nothing; it
// is read by programs built with the tag drill, and by no others.
const withoutMetrics = "SHOP_WITHOUT_METRICS"

// overhead measures, and prints the table; it answers whether the bar was met. The
// two replicas change places half-way, on servers that are started anew, for two
// processes that should be alike never are.
func overhead(ctx context.Context, o Options) (met bool, err error) {
	dir, err := os.MkdirTemp("", "evergreen-bench-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program, err := buildAPI(ctx, dir)
	if err != nil {
		return false, err
	}
	found := &results{rates: map[string][]float64{}}
	for _, without := range []string{"api-2", "api-1"} {
		if err := compare(ctx, o, program, without, found); err != nil {
			return false, err
		}
	}
	fmt.Fprintf(o.Out, "\nrequests, half of them purchases of one piece, by %d clients at once; answered per second of the replica's processor time; %d rounds of %s\n\n",
		o.Clients, len(found.rates[metered]), o.Requests)
	return found.print(o.Out, overheadBars()), nil
}

// buildAPI builds the API's program with the setting that leaves metrics out.
func buildAPI(ctx context.Context, dir string) (string, error) {
	root, err := stack.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "api")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "drill", "-o", path, "./services/api")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the API: %w\n%s", err, output)
	}
	return path, nil
}

// compare measures half of the rounds, with one replica that counts nothing.
func compare(ctx context.Context, o Options, program, without string, found *results) (err error) {
	fmt.Fprintln(o.Notes, "starting Redis, the Sentinels, and two API replicas;", without, "is the one without metrics")
	servers, err := stack.Start(ctx, stack.Options{
		Services: append(stack.RedisAndSentinels(), "api-1", "api-2"), APIBinary: program,
		Settings: map[string]string{withoutMetrics: without},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Stop(context.WithoutCancel(ctx))) }()
	c, err := enter(ctx, servers, without)
	if err != nil {
		return err
	}
	rounds := (o.Rounds + 1) / 2
	for round := range rounds {
		if err := c.serve(ctx, o); err != nil {
			return err
		}
		for _, r := range c.replicas {
			found.add(r.name, r.worth())
			fmt.Fprintf(o.Notes, "round %d of %d: %-21s %8.0f per second of processor time, %6.0f/s by the clock\n", round+1, rounds,
				r.name, r.worth(), float64(r.answered)/o.Requests.Seconds())
		}
	}
	return nil
}
