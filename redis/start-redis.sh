#!/bin/sh
# Starts one Redis node, natively and in containers alike. It asks before it
# assumes: see boot-rule.sh. Settings, all from the environment:
#   NODE_ADDRESS       this node's own IP address; it listens on port 6379
#   REDIS_NODES        the IP addresses of all Redis nodes, separated by commas;
#                      the first is the primary of the first run
#   REDIS_SENTINEL     host:port of all Sentinels, separated by commas
#   REDIS_MASTER_NAME  the name the set of nodes goes by
#   REDIS_MAXMEMORY    the most the data set may take, such as 512mb
#   REDIS_API_PASSWORD, REDIS_EXPORTER_PASSWORD, REDIS_REPLICATION_PASSWORD,
#   REDIS_SENTINEL_PASSWORD, REDIS_BOOT_PASSWORD, REDIS_BACKUP_PASSWORD (the last may be missing)
#                      the secrets of the users in users.acl
#   REDIS_ADMIN_USER, REDIS_ADMIN_PASSWORD
#                      the operator, who may do everything
#   LOG_DIR, NODE_NAME where its log is kept for a collector, and as whose (default: nowhere)
#   DATA_DIR           this instance's own directory, writable, kept (default /data):
#                      DATA_DIR/data holds the data set and nothing else,
#                      DATA_DIR/redis.conf and users.acl what is rendered here,
#                      DATA_DIR/first-run is the mark that boot rule 1 leaves,
#                      DATA_DIR/layout the mark that lock-out.sh leaves
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
. "$here/boot-rule.sh"
keep_log

DATA_DIR=${DATA_DIR:-/data}
need NODE_ADDRESS REDIS_NODES REDIS_SENTINEL REDIS_MASTER_NAME REDIS_MAXMEMORY REDIS_ADMIN_USER DATA_DIR
need_secrets REDIS_API_PASSWORD REDIS_EXPORTER_PASSWORD REDIS_REPLICATION_PASSWORD REDIS_SENTINEL_PASSWORD REDIS_BOOT_PASSWORD REDIS_ADMIN_PASSWORD
optional_secret REDIS_BACKUP_PASSWORD
check_admin_user

self=$NODE_ADDRESS
first=${REDIS_NODES%%,*}
others=$(printf '%s' "$REDIS_NODES" | tr ',' '\n' | awk -v self="$self" '$0 != self' | tr '\n' ' ')
sentinels=$(printf '%s' "$REDIS_SENTINEL" | tr ',' ' ')
# shellcheck disable=SC2086 # one word for each Sentinel
sentinel_count=$(set -- $sentinels && echo $#)
# No two nodes take a snapshot or rewrite their append-only file by the same measure. Snapshots are 3,600, 4,300 and 5,000 s
# apart, so two that began together do so again after a day.
place=$(printf '%s' "$REDIS_NODES" | tr ',' '\n' | awk -v self="$self" '$0 == self && !found++ { print NR - 1 }')
place=${place:-0}
export SAVE_SECONDS=$((3600 + 700 * place)) REWRITE_PERCENT=$((100 + 25 * place)) REWRITE_MIN_MB=$((64 + 16 * place))
data=$DATA_DIR/data
mark=$DATA_DIR/first-run
mkdir -p "$data"

# As process 1 of a container a shell is deaf to SIGTERM unless it listens.
trap 'exit 143' TERM
trap 'exit 130' INT

# wait_for_role: asks until a rule fits, then once more: between a question and
# the start a failover may have begun. The sleep is shorter than whole seconds
# where the system's sleep can do that.
wait_for_role() {
	told='' told_at=0 before=''
	while :; do
		ask
		tally
		forget_first_run
		decide
		case $verdict in
		wait*)
			tell_wait
			sleep 0.3 2>/dev/null || sleep 1
			;;
		"$before") return ;;
		esac
		before=$verdict
	done
}

# forget_first_run: the mark has done its work once two Sentinels know replicas.
forget_first_run() {
	if [ $((heard - fresh)) -ge 2 ]; then rm -f "$mark"; fi
}

# watch: goes on asking beside the server, for as long as the mark is there, and
# for 30 s after a primary has loaded its data. A failover that nobody could see
# yet when this node was started shows itself in that time; Sentinel alone would
# take about 10 s to make this one a replica, and until then there are two.
watch() {
	until=''
	while kill -0 "$server" 2>/dev/null; do
		if [ -z "$until" ] && [ "$(cli "$self" 6379 PING)" = PONG ]; then until=$(($(date +%s) + 30)); fi
		if [ "$role" != primary ] || [ "$(date +%s)" -gt "${until:-9999999999}" ]; then
			[ -e "$mark" ] || return 0
			role=settled
		fi
		ask
		tally
		forget_first_run
		if [ "$role" = primary ]; then step_down_if_replaced; fi
		sleep 0.5 2>/dev/null || sleep 1
	done
}

step_down_if_replaced() {
	[ -n "$named" ] && [ "$named" != "$self" ] && includes "$masters" "$named" || return 0
	if [ "$(cli "$self" 6379 REPLICAOF "$named" 6379)" = OK ]; then
		say "the Sentinels named $named while I started as primary: I am its replica now"
		role=replica
	fi
}

wait_for_role
case $verdict in first*) : >"$mark" ;; esac
primary=''
case $verdict in *replica*) primary=${verdict##* } ;; esac
if [ -n "$primary" ]; then role=replica; else role=primary; fi
say "I start as ${verdict}"

# Made anew each time, so that changed settings hold; only the role is added.
render "$here/redis.conf" >"$DATA_DIR/redis.conf.new"
if [ -n "$primary" ]; then echo "replicaof $primary 6379" >>"$DATA_DIR/redis.conf.new"; fi
mv "$DATA_DIR/redis.conf.new" "$DATA_DIR/redis.conf"
if [ -n "$primary" ]; then learn_layout "$here/users.acl" "$primary" 6379; fi
render_users "$here/users.acl" >"$DATA_DIR/users.acl"

# The server takes this process's place, so signals reach it and nothing else.
# The watcher is made a grandchild, or Redis would find a child it doesn't know.
server=$$
(watch &)
# What is left in an environment can be read as long as the server runs.
unset REDIS_API_PASSWORD REDIS_EXPORTER_PASSWORD REDIS_REPLICATION_PASSWORD REDIS_SENTINEL_PASSWORD REDIS_BOOT_PASSWORD REDIS_BACKUP_PASSWORD REDIS_ADMIN_PASSWORD
exec redis-server "$DATA_DIR/redis.conf"
