package program

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/version"

	"evergreen/services/ops/backup"
)

// serve runs the service. Settings that are wrong or missing do not end it: it idles, says so, and its metrics have the
// alert fire.
func serve(ctx context.Context, args []string, env Environment) error {
	if len(args) > 0 {
		return errUsage
	}
	log := slog.New(slog.NewJSONHandler(env.Stdout, nil))
	settings, wrong := backup.Load(env.Getenv)
	metrics := backup.NewMetrics(settings.Targets)
	metrics.Configured(settings, wrong == nil)
	server, err := expose(ctx, settings.Metrics, metrics)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	switch {
	case wrong != nil:
		log.Error("the settings cannot be used: no backups are made", "error", wrong)
	case !settings.Configured():
		log.Warn("no backups are made: set BACKUP_TARGETS and BACKUP_PUBLIC_KEYS; docs/backup.md explains them")
	default:
		return work(ctx, settings, metrics, log)
	}
	<-ctx.Done()
	return nil
}

func work(ctx context.Context, settings backup.Settings, metrics *backup.Metrics, log *slog.Logger) error {
	service, err := backup.New(settings, "serve", version.Version, metrics, log)
	if err != nil {
		return err
	}
	log.Info("backups are made", "targets", settings.Targets, "every", settings.Every.String(), "ship_every", settings.ShipEvery.String())
	service.Serve(ctx)
	return service.Close()
}

// expose serves /metrics, and /livez for whoever asks whether the service runs.
func expose(ctx context.Context, address string, metrics *backup.Metrics) (*http.Server, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for Prometheus: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return server, nil
}

// now makes one backup.
func now(ctx context.Context, args []string, env Environment) error {
	if len(args) > 0 {
		return errUsage
	}
	settings, err := configured(env)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(env.Stderr, nil))
	service, err := backup.New(settings, "now", version.Version, backup.NewMetrics(settings.Targets), log)
	if errors.Is(err, backup.ErrRunning) {
		return errors.New("another `make backup` runs now; wait until it has ended")
	}
	if err != nil {
		return err
	}
	chain, err := service.Now(ctx)
	err = errors.Join(err, service.Close())
	if err != nil {
		return fmt.Errorf("the backup is not verified everywhere: %w", err)
	}
	_, _ = fmt.Fprintln(env.Stdout, "verified:", chain)
	return nil
}

// configured gives the settings if backups can be made with them.
func configured(env Environment) (backup.Settings, error) {
	settings, err := backup.Load(env.Getenv)
	if err == nil && !settings.Configured() {
		err = errors.New("BACKUP_TARGETS and BACKUP_PUBLIC_KEYS are not both set; docs/backup.md explains them")
	}
	return settings, err
}

// healthcheck is for a container's engine.
func healthcheck(ctx context.Context, args []string, env Environment) error {
	if len(args) > 0 {
		return errUsage
	}
	settings, _ := backup.Load(env.Getenv) // A service with wrong settings is well: it says so.
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+settings.Metrics+"/livez", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}
