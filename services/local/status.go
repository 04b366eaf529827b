package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"evergreen/services/internal/stack"
)

// status is `make status`: it works whoever is down, and fails (exit code 1)
// when the shop cannot sell.
func (l *local) status(ctx context.Context) error {
	if err := l.checkNet(); err != nil {
		return err
	}
	settings, err := stack.LoadSettings(l.root, os.Getenv)
	if err != nil {
		return err
	}
	report := stack.Inspect(ctx, l.net, settings)
	table := tabwriter.NewWriter(l.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tADDRESS\tSTATE\tROLE\tLINK\tOFFSET\tBEHIND\tSAYS")
	for _, s := range report.Services {
		fmt.Fprintln(table, row(s))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(l.out)
	if len(report.Missing) > 0 {
		return errors.New("The shop cannot sell: it lacks " + strings.Join(report.Missing, ", ") + ".") //nolint:staticcheck // a sentence for people
	}
	fmt.Fprintf(l.out, "The shop can sell. The primary is %s.\n", report.Primary)
	return nil
}

// row has a dash where there is nothing to say.
func row(s stack.State) string {
	cells := []string{s.Name, s.Addr, "up", "-", "-", "-", "-", ""}
	if !s.Up {
		cells[2] = s.Trouble
	}
	if s.Role != "" {
		cells[3], cells[5] = s.Role, fmt.Sprint(s.Offset)
	}
	if s.Role == "replica" {
		cells[4] = s.Link
	}
	if s.Behind >= 0 {
		cells[6] = fmt.Sprint(s.Behind)
	}
	if s.Names != "" {
		cells[7] = fmt.Sprintf("%s is primary; knows %d replicas, %d other Sentinels", s.Names, s.Replicas, s.Sentinels)
	}
	return strings.Join(cells, "\t")
}
