package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
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
	report := stack.Inspect(ctx, l.net, l.dir(), settings)
	table := tabwriter.NewWriter(l.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tADDRESS\tPID\tSTATE\tROLE\tLINK\tOFFSET\tBYTES BEHIND\tSAYS")
	for _, s := range report.Services {
		fmt.Fprintln(table, row(s))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(l.out)
	if len(report.Missing) > 0 {
		return errors.New("The shop cannot sell: it lacks " + strings.Join(report.Missing, ", ") + ".")
	}
	fmt.Fprintf(l.out, "The shop can sell. The primary is %s.\n", report.Primary)
	return nil
}

// row has a dash where there is nothing to say.
func row(s stack.State) string {
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
	return strings.Join([]string{s.Name, s.Addr, pid, state, role, link, offset, behind, says}, "\t")
}
