#!/bin/sh
# Starts one nginx of the pair in a container: renders the templates that lie
# beside this script, then takes its own place with nginx. Settings, all from the
# environment: NET, NGINX_NAME, STATUS_PORT, RATE_EDGE_PER_SECOND and
# EDGE_CONNECTIONS, as nginx.conf.template explains them.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "$NET" "$NGINX_NAME" "$STATUS_PORT" "$RATE_EDGE_PER_SECOND" "$EDGE_CONNECTIONS"

export NGINX_RUN_DIR="${NGINX_RUN_DIR:-/tmp/nginx}"
export NGINX_LOG_DIR="$NGINX_RUN_DIR"
export RATE_EDGE_BURST=$((2 * RATE_EDGE_PER_SECOND))
export NGINX_USER="${NGINX_USER:-nginx}" EXTRA_LISTEN="${EXTRA_LISTEN:-}"

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

exec nginx -e stderr -c "$NGINX_RUN_DIR/nginx.conf" -g 'daemon off;' "$@"
