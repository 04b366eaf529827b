package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"evergreen/services/internal/logs"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/stack"
)

// logsOptions are what `make logs` may be told.
type logsOptions struct{ request, services, level string }

func (o *logsOptions) flags(flags *flag.FlagSet) {
	flags.StringVar(&o.request, "request", "", "logs: show the way of the request with this id, and end")
	flags.StringVar(&o.services, "service", "", "logs: only these, such as redis-1,api")
	flags.StringVar(&o.level, "level", "", "logs: only what is as bad as this: debug, info, warn or error")
}

// logs is `make logs`: it follows all logs until a signal comes, or shows one request's way.
func (l *local) logs(ctx context.Context) error {
	if err := l.checkNet(); err != nil {
		return err
	}
	dir := filepath.Join(l.dir(), "logs")
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("no shop has run on %s yet: there is no %s", l.net, dir)
	}
	printer := logs.NewPrinter(l.out, os.Getenv)
	if l.asked.request != "" {
		return logs.Trace(ctx, dir, l.asked.request, l.events, printer)
	}
	choice, err := l.choice(dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go l.cancelOnSignal(ctx, cancel)
	return logs.Follow(ctx, dir, choice, printer.Print)
}

// choice refuses names that nobody has: a typing error would wait for ever.
func (l *local) choice(dir string) (logs.Choice, error) {
	choice := logs.Choice{Services: strings.FieldsFunc(l.asked.services, func(r rune) bool { return r == ',' || r == ' ' })}
	if l.asked.level != "" {
		level, known := logs.ParseLevel(l.asked.level)
		if !known {
			return choice, fmt.Errorf("LEVEL=%s: it is debug, info, warn or error", l.asked.level)
		}
		choice.Least = level
	}
	names := stack.Everything()
	files, err := logs.Find(dir)
	if err != nil {
		return choice, err
	}
	for _, file := range files {
		names = append(names, file.Instance)
	}
	for _, wanted := range choice.Services {
		if !anyWanted(logs.Choice{Services: []string{wanted}}, names) {
			return choice, fmt.Errorf("SERVICE=%s: there are %s", wanted, strings.Join(stack.Everything(), ", "))
		}
	}
	return choice, nil
}

func anyWanted(choice logs.Choice, names []string) bool {
	for _, name := range names {
		if choice.Wants(name) {
			return true
		}
	}
	return false
}

// events asks the primary, as the operator, for what a request has changed.
func (l *local) events(ctx context.Context, request string, from, to time.Time) ([]logs.Entry, string, error) {
	settings, err := stack.LoadSettings(l.root, os.Getenv)
	if err != nil {
		return nil, "", err
	}
	report := stack.Inspect(ctx, l.net, l.dir(), settings)
	for _, state := range report.Services {
		if state.Name != report.Primary || state.Role != "primary" {
			continue
		}
		node := redisdb.Node{Addr: state.Addr, User: settings["REDIS_ADMIN_USER"], Password: settings["REDIS_ADMIN_PASSWORD"]}
		events, looked, err := redisdb.EventsOfRequest(ctx, node, request, from, to)
		return entries(state.Name, events), fmt.Sprintf("%d events at %s", looked, state.Name), err
	}
	return nil, "", errors.New("no primary answers")
}

func entries(node string, events []redisdb.Event) (all []logs.Entry) {
	for _, e := range events {
		all = append(all, logs.Entry{
			Instance: "event", Time: e.At, Level: logs.Info, RequestID: e.Request,
			Text: fmt.Sprintf("%s id=%s version=%s actor=%s at=%s", e.Kind, e.ID, e.Version, e.Actor, node),
		})
	}
	return all
}
