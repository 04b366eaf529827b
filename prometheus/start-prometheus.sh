#!/bin/sh
# Starts Prometheus in a container: fills NET into the configuration that lies
# beside this script, then takes its own place with the server. The only setting
# is NET; further arguments are Prometheus's own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${NET:?is the three octets that all services share}"

# The dollar stands in brackets because it would mean the end of the line.
sed "s/[$]{NET}/$NET/g" "$here/prometheus.yml" >/tmp/prometheus.yml
exec prometheus --config.file=/tmp/prometheus.yml "$@"
