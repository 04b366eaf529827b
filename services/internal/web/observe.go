package web

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"evergreen/services/internal/fault"
)

// Observer measures and logs requests: rate, errors and duration per route
// template, never per raw path, so that no client can make new label values.
type Observer struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	log      *slog.Logger
}

// NewObserver registers the metrics with registry.
func NewObserver(registry prometheus.Registerer, log *slog.Logger) *Observer {
	o := &Observer{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "shop_http_requests_total", Help: "Requests answered, by route template, method and status code.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "shop_http_request_duration_seconds", Help: "Time to answer, by route template, method and status class.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "class"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "shop_http_requests_in_flight", Help: "Requests being answered now.",
		}),
		log: log,
	}
	registry.MustRegister(o.requests, o.duration, o.inFlight)
	return o
}

// Observe is the middleware: one log line and one observation per request.
// Neither headers nor bodies nor the query are logged: they hold tokens,
// passwords and addresses.
func (o *Observer) Observe(c *gin.Context) {
	start, panicked := time.Now(), true
	o.inFlight.Inc()
	defer func() {
		o.inFlight.Dec()
		route, method := c.FullPath(), knownMethod(c.Request.Method)
		if route == "" {
			route = "unmatched"
		}
		status, took := c.Writer.Status(), time.Since(start)
		if panicked {
			status = http.StatusInternalServerError // Recover answers after this
		}
		o.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
		o.duration.WithLabelValues(route, method, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
		o.line(c, route, method, status, took)
	}()
	c.Next()
	panicked = false
}

func (o *Observer) line(c *gin.Context, route, method string, status int, took time.Duration) {
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("request_id", RequestID(c)), slog.String("route", route), slog.String("method", method),
		slog.Int("status", status), slog.Float64("duration_ms", float64(took.Microseconds())/1000),
	}
	if user := Caller(c).UserID; user != "" {
		attrs = append(attrs, slog.String("user_id", user))
	}
	if last := c.Errors.Last(); last != nil {
		attrs = append(attrs, slog.String("code", fault.As(last.Err).Code))
		if status >= http.StatusInternalServerError {
			level = slog.LevelError
			attrs = append(attrs, slog.String("error", last.Err.Error()))
		}
	}
	o.log.LogAttrs(c.Request.Context(), level, "request", attrs...)
}

// knownMethod keeps invented verbs from becoming label values.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
