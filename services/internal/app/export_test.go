package app

import (
	"log/slog"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
)

// Routes lists the routes, for the test that holds them against the document.
// Nothing that they lead to is made, so nothing can be asked.
func Routes() (gin.RoutesInfo, error) {
	gin.SetMode(gin.ReleaseMode) // else gin prints each of them
	r, err := routes(gates{}, handlers{})
	if err != nil {
		return nil, err
	}
	return r.Routes(), nil
}

// Handler gives what a replica answers on its API's port, started or not.
func Handler(a *App) http.Handler { return a.api.Handler }

// Registry gives what a replica's metrics are registered with.
func Registry(a *App) *prometheus.Registry { return a.metrics.registry }

// Server gives the server of a replica's port.
func Server(host string, port int, handler http.Handler, log *slog.Logger) *http.Server {
	return server(host, port, handler, log)
}

// Listen opens a replica's port.
func Listen(address string) (net.Listener, error) { return listen(address) }
