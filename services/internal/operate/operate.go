// Package operate is what the people who run the shop ask of it: what state it is
// in, to wait until it is whole, and to make another Redis node primary. `make
// status` and `make handover` use it natively, and the program `operator` in
// containers.
package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"evergreen/services/internal/stack"
)

// Status prints what a stack was found to be. The error says that it cannot sell.
func Status(out io.Writer, report stack.Report) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	// Nobody knows the process ids of containers.
	pids := false
	for _, s := range report.Services {
		pids = pids || s.PID != 0
	}
	fmt.Fprintln(table, row(pids, "SERVICE", "ADDRESS", "PID", "STATE", "ROLE", "LINK", "OFFSET", "BYTES BEHIND", "SAYS"))
	for _, s := range report.Services {
		fmt.Fprintln(table, row(pids, cells(s)...))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	if len(report.Missing) > 0 {
		return errors.New("The shop cannot sell: it lacks " + strings.Join(report.Missing, ", ") + ".")
	}
	fmt.Fprintf(out, "The shop can sell. The primary is %s.\n", report.Primary)
	return nil
}

// row leaves the third cell out unless it is wanted.
func row(pids bool, cells ...string) string {
	if !pids {
		cells = append(append([]string(nil), cells[:2]...), cells[3:]...)
	}
	return strings.Join(cells, "\t")
}

// cells has a dash where there is nothing to say.
func cells(s stack.State) []string {
	pid, state, role, link, offset, behind, says := "-", "up", "-", "-", "-", "-", ""
	if s.PID != 0 {
		pid = strconv.Itoa(s.PID)
	}
	if !s.Up {
		state = s.Trouble
	}
	if s.Role != "" {
		role, offset = s.Role, strconv.FormatInt(s.Offset, 10)
	}
	if s.Role == "replica" {
		link = s.Link
	}
	if s.Behind >= 0 {
		behind = strconv.FormatInt(s.Behind, 10)
	}
	if s.Names != "" {
		says = fmt.Sprintf("%s is primary; knows %d replicas, %d other Sentinels", s.Names, s.Replicas, s.Sentinels)
	}
	return []string{s.Name, s.Addr, pid, state, role, link, offset, behind, says}
}

// Handover makes another Redis node primary and prints each step with the time
// since the first.
func Handover(ctx context.Context, out io.Writer, prefix string, settings map[string]string) error {
	began := time.Now()
	return stack.Handover(ctx, prefix, settings, func(format string, a ...any) {
		fmt.Fprintf(out, "%5.2f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, a...))
	})
}

// lookEvery is how long Await waits between two looks.
const lookEvery = 250 * time.Millisecond

// Await returns when the stack is whole (stack.Report.Lacks), or with what it lacks
// when the time is over. It prints what it waits for whenever that changes.
func Await(ctx context.Context, out io.Writer, within time.Duration, look func(context.Context) stack.Report) error {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for said := ""; ; {
		// Not with the limit: a look that it cuts short would find everything silent.
		report := look(ctx)
		lacks := strings.Join(report.Lacks(), "; ")
		if lacks == "" {
			fmt.Fprintf(out, "The stack is whole. The primary is %s.\n", report.Primary)
			return nil
		}
		if lacks != said {
			fmt.Fprintf(out, "%5.1f s  waiting for %s\n", time.Since(began).Seconds(), lacks)
			said = lacks
		}
		select {
		case <-limited.Done():
			if ctx.Err() != nil {
				return errors.New("Interrupted. The stack is not whole: " + lacks + ".")
			}
			return errors.New("The stack is not whole after " + within.String() + ": " + lacks + ".")
		case <-tick.C:
		}
	}
}
