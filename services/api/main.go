// Command api is one replica of the shop's API. Without arguments it serves
// until SIGTERM or SIGINT; `api healthcheck` exits 0 when the replica of this
// environment is ready, for hosts without a shell or curl; `api version` prints the
// version and the commit that it was built from, `api layout` the newest
// layout of the stored data that it knows.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"errors"

	"github.com/joho/godotenv"
	"github.com/prometheus/common/version"

	"evergreen/services/internal/app"
	"evergreen/services/internal/config"
	"evergreen/services/internal/logfile"
	"evergreen/services/internal/release"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; it answers the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	version.Version = cmp.Or(version.Version, release.Version)
	if len(args) == 1 && args[0] == "version" {
		_, _ = fmt.Fprintln(stdout, version.Version, version.GetRevision())
		return 0
	}
	if len(args) == 1 && args[0] == "layout" {
		_, _ = fmt.Fprintln(stdout, config.Layout)
		return 0
	}
	if err := godotenv.Load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		_, _ = fmt.Fprintln(stderr, "api: .env:", err)
		return 2
	}
	settings, err := config.Load(os.Getenv)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "api: the settings are not usable:\n%v\n", err)
		return 2
	}
	switch {
	case len(args) == 1 && args[0] == "healthcheck":
		return healthcheck(ctx, settings, stderr)
	case len(args) > 0:
		_, _ = fmt.Fprintln(stderr, "usage: api [healthcheck | version | layout]")
		return 2
	}
	log := logger(settings, stdout)
	if err := serve(ctx, settings, log); err != nil {
		log.Error("the replica ends", "error", err)
		return 1
	}
	return 0
}

// logger writes to stdout, and a copy to a file where one is wanted. It does without the copy where that cannot be had.
func logger(settings config.Config, stdout io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: settings.LogLevel}
	log := slog.New(slog.NewJSONHandler(stdout, options))
	if settings.LogDir == "" {
		return log
	}
	file, err := logfile.Open(settings.LogDir, settings.ReplicaName)
	if err != nil {
		log.Warn("no copy of this log is kept", "error", err)
		return log
	}
	return slog.New(slog.NewJSONHandler(logfile.Also(stdout, file), options))
}

// serve runs the replica until ctx ends, or until a restore has replaced the data, then drains it. The program's supervisor
// starts it again after a restore.
func serve(ctx context.Context, settings config.Config, log *slog.Logger) error {
	replica, err := app.New(settings, log)
	if err != nil {
		return err
	}
	if err = replica.Start(ctx); err == nil {
		select {
		case <-ctx.Done():
		case <-replica.Ended():
		case err = <-replica.Failed():
		}
	}
	if ctx.Err() != nil {
		err = nil // asked to stop, also while it was still starting
	}
	return errors.Join(err, replica.Stop(context.WithoutCancel(ctx)))
}

func healthcheck(ctx context.Context, settings config.Config, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	url := "http://" + net.JoinHostPort(settings.Host, strconv.Itoa(settings.MetricsPort)) + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "api:", err)
		return 1
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "api:", err)
		return 1
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		_, _ = fmt.Fprintln(stderr, "api: not ready:", answer.Status)
		return 1
	}
	return 0
}
