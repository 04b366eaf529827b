// Package dashboards makes Grafana's dashboards: grafana/dashboards holds what it generates, and services/dashboards
// writes it there. Its tests hold them to the linter's rules and to Grafana's published types, and ask a real Prometheus
// that has watched a real shop through a day full of faults every question that they ask. Grafana itself is not started.
package dashboards
