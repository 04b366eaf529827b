package attack

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// write tells a run for people.
func (f Found) write(w io.Writer) {
	title := f.Class
	if f.Control != "" {
		title += " with " + f.Control
	}
	fmt.Fprintf(w, "%s  (%s)\n  %s\n", title, f.Resource, f.Title)
	if f.Trouble == "" {
		fmt.Fprintf(w, "  attack    %.0f s: %s\n", f.Lasted.Seconds(), counted(f.Answers))
		fmt.Fprintf(w, "  others    %s\n", compared(f.Quiet, f.During))
		fmt.Fprintf(w, "  log-ins   %s\n", compared(f.QuietLogIns, f.LogIns))
		fmt.Fprintf(w, "  resources %s\n", resources(f))
		fmt.Fprintf(w, "  processor %s\n", processors(f.QuietCores, f.Cores))
	}
	fmt.Fprintf(w, "  verdict   %s\n", f.verdict())
	for _, reason := range f.Reasons {
		fmt.Fprintf(w, "            - %s\n", reason)
	}
	if f.Kept != "" {
		fmt.Fprintf(w, "            logs: %s\n", f.Kept)
	}
}

func (f Found) verdict() string {
	switch {
	case f.Control != "" && f.Passed:
		return "red, as it has to be without the defence"
	case f.Control != "":
		return "FAILED: the control is not red by the rule that it names"
	case f.Passed:
		return "holds"
	}
	return "FAILED"
}

func counted(answers map[string]int) string {
	if len(answers) == 0 {
		return "no answer"
	}
	var parts []string
	for _, name := range sortedNames(answers) {
		parts = append(parts, fmt.Sprintf("%d x %s", answers[name], name))
	}
	return strings.Join(parts, ", ")
}

func sortedNames(counts map[string]int) []string { return slices.Sorted(maps.Keys(counts)) }

func compared(quiet, during Latency) string {
	failed := 0
	for _, n := range during.Failures {
		failed += n
	}
	return fmt.Sprintf("quiet p50 %s, p99 %s (of %d); during p50 %s, p99 %s (of %d), longest %s, failed %d",
		milliseconds(quiet.P50), milliseconds(quiet.P99), quiet.Requests,
		milliseconds(during.P50), milliseconds(during.P99), during.Requests, milliseconds(during.Longest), failed)
}

func resources(f Found) string {
	before, most := f.QuietSample, f.MostSample
	text := fmt.Sprintf("a replica %s -> %s of %s, Redis %s -> %s", megabytes(before.ReplicaBytes), megabytes(most.ReplicaBytes),
		megabytes(replicaBytes), megabytes(before.RedisBytes), megabytes(most.RedisBytes))
	for _, name := range slices.Sorted(maps.Keys(most.Gauges)) {
		text += fmt.Sprintf(", %s %.4g -> %.4g", name, before.Gauges[name], most.Gauges[name])
	}
	for _, name := range slices.Sorted(maps.Keys(f.Figures)) {
		text += fmt.Sprintf(", %s %.4g", name, f.Figures[name])
	}
	if !f.Grouped {
		text += " (no memory groups here: memory is measured and not bounded)"
	}
	return text
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/(1<<20)) }

// summary is the last line.
func summary(all []Found) string {
	failed := 0
	for _, f := range all {
		if !f.Passed {
			failed++
		}
	}
	return fmt.Sprintf("attack: %d runs, %d failed", len(all), failed)
}
