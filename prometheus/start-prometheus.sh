#!/bin/sh
# Starts Prometheus in a container: fills the settings into the configuration that
# lies beside this script, then takes its own place with the server. Settings: NET,
# API_REPLICAS, how many there are (default 2), and CONFIG_FILE, what is made
# (default /tmp/prometheus.yml); further arguments are Prometheus's own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${NET:?is the three octets that all services share}"

# targets N: a line for each API replica. The third one's address begins a row of its
# own (nginx/servers.sh).
targets() {
	replica=1 indent=''
	while [ "$replica" -le "$1" ]; do
		host=$((replica + 1))
		if [ "$replica" -gt 2 ]; then host=$((replica + 30)); fi
		echo "$indent- {targets: [\"$NET.$host:9100\"], labels: {service: api-$replica}}"
		replica=$((replica + 1)) indent='      '
	done
}

CONFIG_FILE=${CONFIG_FILE:-/tmp/prometheus.yml}
API_TARGETS=$(targets "${API_REPLICAS:-2}")
export API_TARGETS
# The dollar stands in brackets because it would mean the end of the line.
awk '{ gsub(/[$]{NET}/, ENVIRON["NET"]); gsub(/[$]{API_TARGETS}/, ENVIRON["API_TARGETS"]); print }' \
	"$here/prometheus.yml" >"$CONFIG_FILE"
exec prometheus --config.file="$CONFIG_FILE" "$@"
