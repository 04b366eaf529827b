package stack

import (
	"fmt"
	"strconv"
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

// EdgeRates are the placeholders of nginx that follow from RATE_EDGE_PER_SECOND, as
// nginx/start-nginx.sh has them in containers. Pages of lists weigh 4, 10 and 30
// requests, and a burst is two seconds' worth.
func EdgeRates(perSecond int) map[string]string {
	rates := map[string]int{
		"RATE_EDGE_PER_SECOND": perSecond, "RATE_EDGE_BURST": 2 * perSecond,
		"PLAIN_PAGES_PER_MINUTE": 15 * perSecond, "PLAIN_PAGES_BURST": perSecond/2 + 1,
		"LARGE_PAGES_PER_MINUTE": 6 * perSecond, "LARGE_PAGES_BURST": perSecond/5 + 1,
		"EXPANDED_PAGES_PER_MINUTE": 2 * perSecond, "EXPANDED_PAGES_BURST": perSecond/15 + 1,
	}
	placeholders := make(map[string]string, len(rates))
	for name, value := range rates {
		placeholders[name] = strconv.Itoa(value)
	}
	return placeholders
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
