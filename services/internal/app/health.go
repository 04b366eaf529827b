package app

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds the question to Redis.
const readyTimeout = 2 * time.Second

// healthRoutes is the second port. /livez never asks Redis: a replica that was
// restarted because Redis is away would help nobody.
func (a *App) healthRoutes(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status, text := a.readiness(r.Context())
		plain(w, status, text)
	})
	// To compress 25 KB for somebody next door would cost more than all the rest of a scrape.
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		Registry: registry, EnableOpenMetrics: true, DisableCompression: true,
	}))
	return mux
}

func (a *App) readiness(ctx context.Context) (int, string) {
	switch {
	case a.draining.Load():
		return http.StatusServiceUnavailable, "draining"
	case a.db.Restoring():
		return http.StatusServiceUnavailable, "a restore is under way"
	case !a.ready.Load() || !a.opened.Load():
		return http.StatusServiceUnavailable, "the shop is still being prepared"
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := a.db.Ping(ctx); err != nil {
		return http.StatusServiceUnavailable, "no Redis node answers"
	}
	return http.StatusOK, "ready"
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
