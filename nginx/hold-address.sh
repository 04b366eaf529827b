#!/bin/sh
# Holds the shop's address in a container: the two nginx live in its network
# namespace. It does nothing but beat a pulse, the time in seconds, into
# PULSE_FILE, by which they see that it lives (start-nginx.sh).
set -eu
pulse=${PULSE_FILE:-/run/edge/pulse}
trap 'exit 0' TERM INT
while :; do
	# Renamed, so that nobody reads half a number.
	date +%s >"$pulse.new"
	mv "$pulse.new" "$pulse"
	sleep 1 &
	wait $!
done
