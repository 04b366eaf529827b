package web

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/fault"
)

// Observer measures and logs requests.
type Observer struct {
	metrics *Metrics
	log     *slog.Logger
}

// NewObserver makes an Observer.
func NewObserver(metrics *Metrics, log *slog.Logger) *Observer {
	return &Observer{metrics: metrics, log: log}
}

// Observe is the middleware: one log line and one observation per request.
// Neither headers nor bodies nor the query are logged: they hold tokens,
// passwords and addresses.
func (o *Observer) Observe(c *gin.Context) {
	start, panicked := time.Now(), true
	o.metrics.begun(c)
	defer func() {
		route, method := c.FullPath(), knownMethod(c.Request.Method)
		if route == "" {
			route = "unmatched"
		}
		status, took := c.Writer.Status(), time.Since(start)
		if panicked {
			status = http.StatusInternalServerError // Recover answers after this
		}
		o.metrics.answered(RequestID(c), kind{route, method, status}, took)
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
