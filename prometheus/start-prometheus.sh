#!/bin/sh
# Starts Prometheus in a container: fills the settings into the configuration and the
# rules that lie beside this script, then takes its own place with the server.
# Settings: NET; API_REPLICAS, how many there are (default 2); RUNBOOK_URL, where the
# pages about the alerts are; COMPOSE_PROFILES, whether the logs' pipeline runs;
# CONFIG_DIR, where the result lies (default /tmp/prometheus). Further arguments are
# Prometheus's own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/render.sh"
: "${NET:?is the three octets that all services share}"

# targets N: a line for each API replica. The third one's address begins a row of its
# own (nginx/servers.sh).
targets() {
	replica=1 indent=''
	while [ "$replica" -le "$1" ]; do
		host=$((replica + 1))
		if [ "$replica" -gt 2 ]; then host=$((replica + 30)); fi
		echo "$indent- {targets: [\"$NET.$host:9100\"], labels: {instance: api-$replica}}"
		replica=$((replica + 1)) indent='      '
	done
}

# wanted: the files that this Prometheus reads, seen from here. What only containers
# have it is told of where it runs; rules' tests are none of its business.
wanted() {
	cd "$here"
	echo prometheus.yml
	for file in rules/*.yml; do [ ! -f "$file" ] || echo "$file"; done
	case ",${COMPOSE_PROFILES:-}," in
	*,logs,* | *,\*,*) for file in logs/*.yml; do [ ! -f "$file" ] || echo "$file"; done ;;
	esac
}

CONFIG_DIR=${CONFIG_DIR:-/tmp/prometheus}
API_TARGETS=$(targets "${API_REPLICAS:-2}")
export NET API_TARGETS RUNBOOK_URL="${RUNBOOK_URL:-docs/runbook}"
files=$(wanted)
# What an earlier start has made, and no longer is.
rm -rf "$CONFIG_DIR"
# Prometheus watches it for targets, be there any or not.
mkdir -p "$CONFIG_DIR/logs"
# shellcheck disable=SC2086 # a list of names without blanks
render_all "$CONFIG_DIR" $files
exec prometheus --config.file="$CONFIG_DIR/prometheus.yml" "$@"
