#!/bin/sh
# Starts one Sentinel, natively and in containers alike. Settings, all from the
# environment:
#   NODE_ADDRESS            this Sentinel's own IP address; it listens on port 26379
#   REDIS_NODES             the IP addresses of the Redis nodes, separated by commas;
#                           the first is the first primary
#   REDIS_MASTER_NAME       the name the set of nodes goes by
#   SENTINEL_DOWN_AFTER_MS  milliseconds of silence until a node counts as down
#   REDIS_API_PASSWORD, REDIS_EXPORTER_PASSWORD, REDIS_SENTINEL_PASSWORD,
#   REDIS_BOOT_PASSWORD     the secrets of the users in sentinel-users.acl
#   REDIS_ADMIN_USER, REDIS_ADMIN_PASSWORD
#                           the operator, who may do everything
#   LOG_DIR, NODE_NAME      where its log is kept for a collector, and as whose (default: nowhere)
#   DATA_DIR                this instance's own directory, writable, kept (default /data);
#                           DATA_DIR/layout is the mark that lock-out.sh leaves
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
keep_log

DATA_DIR=${DATA_DIR:-/data}
need NODE_ADDRESS REDIS_NODES REDIS_MASTER_NAME SENTINEL_DOWN_AFTER_MS REDIS_ADMIN_USER DATA_DIR
need_secrets REDIS_API_PASSWORD REDIS_EXPORTER_PASSWORD REDIS_SENTINEL_PASSWORD REDIS_BOOT_PASSWORD REDIS_ADMIN_PASSWORD
check_admin_user
export FIRST_ADDRESS="${REDIS_NODES%%,*}"

conf=$DATA_DIR/sentinel.conf
mkdir -p "$DATA_DIR"

# learned: what the running Sentinel wrote into its file and must not forget.
learned() {
	[ -f "$conf" ] || return 0
	awk '$1 == "sentinel" && $2 ~ /^(myid|monitor|current-epoch|config-epoch|leader-epoch|known-replica|known-sentinel)$/' "$conf"
}

known=$(learned)
case $known in
'' | *"sentinel monitor $REDIS_MASTER_NAME "*) ;;
*) die "$conf watches another name than REDIS_MASTER_NAME=$REDIS_MASTER_NAME" ;;
esac

# The shipped settings, with the monitor line that was learned (it names the
# present primary) in place of the shipped one, and the rest of it at the end.
shipped=$(render "$here/sentinel.conf")
printf '%s\n' "$shipped" | KNOWN=$known awk '
BEGIN {
	n = split(ENVIRON["KNOWN"], line, "\n")
	for (i = 1; i <= n; i++) if (line[i] ~ /^sentinel monitor /) monitor = line[i]
}
/^sentinel monitor / && monitor != "" { print monitor; next }
{ print }
END {
	for (i = 1; i <= n; i++) if (line[i] !~ /^sentinel monitor /) print line[i]
}' >"$conf.new"
# Renamed only when whole: a Sentinel that forgot its epoch could vote twice.
mv "$conf.new" "$conf"
for node in $(printf '%s' "$REDIS_NODES" | tr ',' ' '); do learn_layout "$here/sentinel-users.acl" "$node" 6379; done
render_users "$here/sentinel-users.acl" >"$DATA_DIR/users.acl"

# What is left in an environment can be read as long as the server runs.
unset REDIS_API_PASSWORD REDIS_EXPORTER_PASSWORD REDIS_SENTINEL_PASSWORD REDIS_BOOT_PASSWORD REDIS_ADMIN_PASSWORD
exec redis-server "$conf" --sentinel
