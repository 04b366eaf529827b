package stack

import (
	"fmt"
	"strings"
)

// kind says how a service is started, asked for its health and stopped.
type kind int

const (
	kindRedis kind = iota
	kindSentinel
	kindAPI
	kindNginx
	kindPrometheus
	kindRedisExporter
	kindNginxExporter
	kindNodeExporter
	kindMail
	kindAlertmanager
	kindGrafana
	kindBackup
)

// watches says that nobody buys from such a service: it looks on.
func (k kind) watches() bool { return k >= kindPrometheus }

// observes says that Prometheus needs it to see more than the API, or people to hear
// of it.
func (k kind) observes() bool { return k > kindPrometheus }

// service is one process of the stack.
type service struct {
	name string
	kind kind
	// host is the last octet of its address.
	host int
	// port is the one that it is known by.
	port int
	// statusPort answers questions about its health where port does not.
	statusPort int
}

// Ports that are the same wherever the shop runs.
const (
	edgePort     = 8080
	redisPort    = 6379
	sentinelPort = 26379
	mailPort     = 1025
)

// edgeHost is the last octet of the address that both nginx share.
const edgeHost = 4

// topology lists the services in the order in which they are started.
func topology() []service {
	return []service{
		{"redis-1", kindRedis, 5, redisPort, 0},
		{"redis-2", kindRedis, 6, redisPort, 0},
		{"redis-3", kindRedis, 7, redisPort, 0},
		{"sentinel-1", kindSentinel, 8, sentinelPort, 0},
		{"sentinel-2", kindSentinel, 9, sentinelPort, 0},
		{"sentinel-3", kindSentinel, 10, sentinelPort, 0},
		{"api-1", kindAPI, 2, 5000, 9100},
		{"api-2", kindAPI, 3, 5000, 9100},
		{"nginx-a", kindNginx, edgeHost, edgePort, 8081},
		{"nginx-b", kindNginx, edgeHost, edgePort, 8082},
		{"prometheus", kindPrometheus, 11, 9090, 0},
		{"redis-exporter", kindRedisExporter, 13, 9121, 0},
		{"nginx-exporter-a", kindNginxExporter, 14, 9113, 0},
		{"nginx-exporter-b", kindNginxExporter, 19, 9113, 0},
		{"node-exporter", kindNodeExporter, 18, 9101, 0},
		{"mail", kindMail, 20, mailPort, 0},
		{"alertmanager", kindAlertmanager, 15, 9093, 0},
		{grafanaName, kindGrafana, 12, 3000, 0},
		{BackupName, kindBackup, 21, 9102, 0},
	}
}

// Everything names the services of the shop and Prometheus, in the order of their
// start: what a stack starts that was told nothing else.
func Everything() []string { return names(func(s service) bool { return !s.kind.observes() }) }

// Observers names what Prometheus sees more of the shop through, and what tells
// people: the exporters, Alertmanager and the catcher of its mails. Grafana is not
// among them: see GrafanaProgram. The backup service is one of them, because Prometheus asks it.
func Observers() []string {
	return names(func(s service) bool { return s.kind.observes() && s.kind != kindGrafana })
}

// WithObservers is Everything and the Observers.
func WithObservers() []string { return append(Everything(), Observers()...) }

// RedisAndSentinels names the three Redis nodes and the three Sentinels: what a
// test needs that speaks to no API.
func RedisAndSentinels() []string {
	return names(func(s service) bool { return s.kind == kindRedis || s.kind == kindSentinel })
}

// Watches says of a service, native or in a container, that it looks on at the shop or
// tells people of it: nobody buys from it.
func Watches(name string) bool {
	return name == "loki" || name == "collector" || serviceNamed(name).kind.watches()
}

// InRow says whether a service is one of a row, such as "redis-": not what watches it
// and has a name like its.
func InRow(name, row string) bool { return strings.HasPrefix(name, row) && !Watches(name) }

func names(wanted func(service) bool) []string {
	var found []string
	for _, s := range topology() {
		if wanted(s) {
			found = append(found, s.name)
		}
	}
	return found
}

// ip is the service's address under the prefix net.
func (s service) ip(net string) string { return fmt.Sprintf("%s.%d", net, s.host) }

// address is host:port as the service's clients use it.
func (s service) address(net string) string { return fmt.Sprintf("%s.%d:%d", net, s.host, s.port) }

// statusAddress is host:port for questions about its health.
func (s service) statusAddress(net string) string {
	if s.statusPort == 0 {
		return s.address(net)
	}
	return fmt.Sprintf("%s.%d:%d", net, s.host, s.statusPort)
}

// addresses lists those of all services of one kind.
func addresses(net string, k kind, of func(service, string) string) []string {
	var found []string
	for _, s := range topology() {
		if s.kind == k {
			found = append(found, of(s, net))
		}
	}
	return found
}

// servicesOf lists the services of one kind.
func servicesOf(k kind) []service {
	var found []service
	for _, s := range topology() {
		if s.kind == k {
			found = append(found, s)
		}
	}
	return found
}

// serviceNamed is the service of that name, or none.
func serviceNamed(name string) service {
	for _, s := range topology() {
		if s.name == name {
			return s
		}
	}
	return service{}
}
