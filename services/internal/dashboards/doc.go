// Package dashboards tests what Prometheus and Grafana are given: that the files are valid, and that every metric a
// panel asks for is one that the API has. Grafana itself is not started.
package dashboards
