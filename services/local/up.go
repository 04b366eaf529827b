package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"evergreen/services/internal/release"
	"evergreen/services/internal/stack"
)

// up is `make up`: it runs the whole stack until a signal comes, and returns when
// all of it has ended. A second signal kills what is still there.
func (l *local) up(ctx context.Context) error {
	if err := l.checkNet(); err != nil {
		return err
	}
	if err := l.makeEnv(); err != nil {
		return err
	}
	settings, err := stack.LoadSettings(l.root, os.Getenv)
	if err != nil {
		return err
	}
	starting, cancel := context.WithCancel(ctx)
	defer cancel()
	go l.cancelOnSignal(starting, cancel)
	fmt.Fprintf(l.out, "building what has changed and starting the shop on %s …\n", l.net)
	options, err := l.options(settings)
	if err != nil {
		return err
	}
	s, err := stack.Start(starting, options)
	if starting.Err() != nil && err != nil {
		return errors.New("stopped before the shop was open")
	}
	if err != nil {
		return err
	}
	l.welcome(s)
	<-starting.Done()
	return l.down(ctx, s)
}

func (l *local) cancelOnSignal(ctx context.Context, cancel context.CancelFunc) {
	select {
	case <-l.signals:
		cancel()
	case <-ctx.Done():
	}
}

// options are for all there is: the shop, and what watches it.
func (l *local) options(settings map[string]string) (stack.Options, error) {
	o := stack.Options{
		Net: l.net, Dir: l.dir(), Settings: settings, Supervise: true, Services: stack.WithObservers(),
		Log:    slog.New(slog.NewTextHandler(l.errs, nil)),
		Reread: func() (map[string]string, error) { return stack.LoadSettings(l.root, os.Getenv) },
	}
	if _, absence := stack.GrafanaProgram(); absence == "" {
		o.Services = append(o.Services, "grafana")
	}
	if l.net == defaultNet {
		o.AlsoListen = localAddress
	}
	var err error
	o.MailBinary, err = os.Executable()
	return o, err
}

func (l *local) down(ctx context.Context, s *stack.Stack) error {
	fmt.Fprintln(l.out, "\nstopping in order: nginx and what watches, API, Sentinels, replicas, primary (once more Ctrl-C: at once) …")
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	go l.cancelOnSignal(ctx, cancel)
	began := time.Now()
	err := s.Stop(ctx)
	fmt.Fprintf(l.out, "stopped after %v; the data stays in %s\n", time.Since(began).Round(100*time.Millisecond), l.dir())
	return err
}

// welcome says where everything is. It tells where the password stands, not what
// it is: terminals are recorded and shared.
func (l *local) welcome(s *stack.Stack) {
	also := ""
	if l.net == defaultNet {
		also = "  and  http://" + localAddress
	}
	fmt.Fprintf(l.out, `
The shop is open, version %s; Ctrl-C closes it.
  API           %s/v1/products%s
  Grafana       %s
  Prometheus    http://%s
  Alertmanager  http://%s, its mails %s
  logs          %s
  admin         %s, whose password is ADMIN_PASSWORD in .env. To log in:
                . ./.env; curl -s %s/v1/sessions -H 'Content-Type: application/json' \
                  -d "{\"email\": \"$ADMIN_EMAIL\", \"password\": \"$ADMIN_PASSWORD\"}"
  who does what, in another terminal: make status%s; what they say: make logs%s
`, release.Version, s.URL(), also, grafana(s), s.Process("prometheus").Addr(), s.Process("alertmanager").Addr(), l.mails(s),
		filepath.Join(l.dir(), "logs"), s.Setting("ADMIN_EMAIL"), s.URL(), l.netArgument(), l.netArgument())
}

// grafana is its address, or why there is none.
func grafana(s *stack.Stack) string {
	if p := s.Process("grafana"); p != nil {
		return "http://" + p.Addr()
	}
	_, absence := stack.GrafanaProgram()
	return absence
}

// mails says where those go that alerts are sent by.
func (l *local) mails(s *stack.Stack) string {
	if smarthost := s.Setting("SMTP_SMARTHOST"); smarthost != "" {
		return "go to " + s.Setting("ALERT_EMAIL_TO") + " through " + smarthost
	}
	return "stay in " + filepath.Join(l.dir(), "mail")
}

// netArgument is what `make status` needs to find this stack.
func (l *local) netArgument() string {
	if l.net == defaultNet {
		return ""
	}
	return " NET=" + l.net
}
