package stack

import (
	"fmt"
	"strings"
)

// APIServers are the lines of nginx's upstream that list the API replicas 1 to n,
// and those that list them once more as backups: what nginx/servers.sh prints in
// containers, where there may be up to sixteen.
func APIServers(net string, n int) (servers, backups string) {
	list := func(how string) string {
		lines := make([]string, n)
		for i := range lines {
			lines[i] = fmt.Sprintf("server %s:5000 %s;", APIAddress(net, i+1), how)
		}
		return strings.Join(lines, "\n    ")
	}
	return list("max_fails=1 fail_timeout=2s"), list("backup max_fails=0")
}

// APITargets are the lines of prometheus.yml that list the API replicas 1 to n: what
// start-prometheus.sh makes in containers.
func APITargets(net string, n int) string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(`- {targets: ["%s:9100"], labels: {instance: api-%d}}`, APIAddress(net, i+1), i+1)
	}
	return strings.Join(lines, "\n      ")
}

// APIAddress is where api-k lives: the third replica begins anew at 33, because the
// octets from 4 to 32 belong to other services.
func APIAddress(net string, k int) string {
	if k > 2 {
		k += 29
	}
	return fmt.Sprintf("%s.%d", net, k+1)
}
