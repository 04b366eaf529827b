#!/bin/sh
# Starts one nginx of the pair in a container: renders the templates that lie
# beside this script, then takes its own place with nginx. Settings, all from the
# environment: NET, NGINX_NAME, STATUS_PORT, RATE_EDGE_PER_SECOND and
# EDGE_CONNECTIONS, as nginx.conf.template explains them; API_REPLICAS, how many
# there are (default 2); PULSE_FILE, what hold-address.sh writes, who holds the
# network namespace that this one has joined; LOG_DIR, where copies of both logs are
# kept for a collector, in a directory NGINX_NAME (default: nowhere).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "$NET" "$NGINX_NAME" "$STATUS_PORT" "$RATE_EDGE_PER_SECOND" "$EDGE_CONNECTIONS"

export NGINX_RUN_DIR="${NGINX_RUN_DIR:-/tmp/nginx}"
export NGINX_LOG_DIR="$NGINX_RUN_DIR"
export RATE_EDGE_BURST=$((2 * RATE_EDGE_PER_SECOND))
# weights.conf.template has the weights: 4, 10 and 30. A burst is two seconds' worth.
export PLAIN_PAGES_PER_MINUTE=$((15 * RATE_EDGE_PER_SECOND)) PLAIN_PAGES_BURST=$((RATE_EDGE_PER_SECOND / 2 + 1))
export LARGE_PAGES_PER_MINUTE=$((6 * RATE_EDGE_PER_SECOND)) LARGE_PAGES_BURST=$((RATE_EDGE_PER_SECOND / 5 + 1))
export EXPANDED_PAGES_PER_MINUTE=$((2 * RATE_EDGE_PER_SECOND)) EXPANDED_PAGES_BURST=$((RATE_EDGE_PER_SECOND / 15 + 1))
PULSE_FILE=${PULSE_FILE:-/run/edge/pulse}
export NGINX_USER="${NGINX_USER:-nginx}" EXTRA_LISTEN="${EXTRA_LISTEN:-}"
. "$here/servers.sh"
API_SERVERS=$(servers "${API_REPLICAS:-2}")
API_BACKUPS=$(backups "${API_REPLICAS:-2}")
export API_SERVERS API_BACKUPS

# render FILE: prints FILE with every placeholder replaced from the environment.
# An unknown one is an error; one that is known may be empty.
render() {
	awk '
	{
		rest = $0; line = ""
		while (match(rest, /[$][{][A-Z][A-Z0-9_]*[}]/)) {
			name = substr(rest, RSTART + 2, RLENGTH - 3)
			if (!(name in ENVIRON)) {
				print FILENAME ": nothing is known for " name > "/dev/stderr"
				exit 1
			}
			line = line substr(rest, 1, RSTART - 1) ENVIRON[name]
			rest = substr(rest, RSTART + RLENGTH)
		}
		print line rest
	}' "$1"
}

mkdir -p "$NGINX_RUN_DIR"
for template in "$here"/*.template; do
	render "$template" >"$NGINX_RUN_DIR/$(basename "$template" .template)"
done
# What nginx logs is the container's output.
ln -sf /dev/stdout "$NGINX_LOG_DIR/access.log"
ln -sf /dev/stderr "$NGINX_LOG_DIR/error.log"

# keep_logs: nginx itself writes each log twice, so nothing stands between it and its output.
keep_logs() {
	kept=$LOG_DIR/$NGINX_NAME
	if ! mkdir -p "$kept" 2>/dev/null; then
		echo "$NGINX_NAME: $kept cannot be made; the logs are kept here alone"
		return
	fi
	for file in "$NGINX_RUN_DIR"/*.conf; do
		sed "s|^\\( *[a-z]*_log \\)$NGINX_LOG_DIR\\(/[a-z]*\\.log [a-z]*;\\)\$|&\\n\\1$kept\\2|" "$file" >"$file.new"
		mv "$file.new" "$file"
	done
	(bound_logs >/dev/null 2>&1 &)
}

# bound_logs: at 4 MiB the access log is put aside, and nginx opens a new one. What was put aside before is gone.
bound_logs() {
	while sleep "${LOG_LOOK_EVERY:-10}"; do
		if [ "$(wc -c <"$kept/access.log")" -gt 4194304 ]; then
			mv "$kept/access.log" "$kept/access.log.1"
			kill -USR1 "$server"
		fi
	done
}

# is_here: this namespace has the shop's address.
is_here() {
	awk -v address="$NET.4" '$2 == address { found = 1 } END { exit !found }' /proc/net/fib_trie
}

# follow: when the holder dies, its namespace loses the network for good; the new
# one of the holder that is started again has it. nginx ends then, and the engine
# starts it in that one. But not before the holder lives again: the engine tries to
# start a container in the namespace of another one once, and gives up when that one
# is down. So what counts is a pulse from well after the loss.
follow() {
	lost=''
	while kill -0 "$server" 2>/dev/null; do
		if is_here; then
			lost=''
		else
			now=$(date +%s)
			[ -n "$lost" ] || echo "$NGINX_NAME: the address $NET.4 has gone; waiting for its holder"
			lost=${lost:-$now}
			if [ "$(cat "$PULSE_FILE" 2>/dev/null || echo 0)" -ge $((lost + 2)) ]; then
				echo "$NGINX_NAME: the holder of $NET.4 is back, and I end to be started there"
				kill -TERM "$server"
				return
			fi
		fi
		sleep 1
	done
}

# Outside of containers there is nobody to follow. A grandchild, or nginx would
# find a child it doesn't know.
server=$$
if [ -n "${LOG_DIR:-}" ]; then keep_logs; fi
if [ -d "$(dirname "$PULSE_FILE")" ]; then (follow &); fi
exec nginx -e stderr -c "$NGINX_RUN_DIR/nginx.conf" -g 'daemon off;' "$@"
