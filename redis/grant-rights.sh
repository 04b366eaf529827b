#!/bin/sh
# Gives the users of a running Redis node or Sentinel the rights that the list beside this script has, and writes that list
# for the next start. It runs in the environment of the node's own start script, natively and in containers alike:
#   grant-rights.sh redis      grants what users.acl has
#   grant-rights.sh sentinel   grants what sentinel-users.acl has
# Each user gets all its rights in one step by ACL SETUSER, so that no command in between is refused. No connection is
# closed, and a replica keeps its link. (ACL LOAD closes both.) A user that the list does not have any more is left alone.
# An upgrade grants to the Sentinels and the replicas first, and to the primary last: what a user may do on the primary, it
# may then do on a node that becomes primary.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

DATA_DIR=${DATA_DIR:-/data}
need NODE_ADDRESS REDIS_ADMIN_USER DATA_DIR
need_secrets REDIS_API_PASSWORD REDIS_EXPORTER_PASSWORD REDIS_SENTINEL_PASSWORD REDIS_BOOT_PASSWORD REDIS_ADMIN_PASSWORD
check_admin_user
case ${1:-} in
redis)
	list=users.acl port=6379
	need_secrets REDIS_REPLICATION_PASSWORD
	optional_secret REDIS_BACKUP_PASSWORD
	;;
sentinel) list=sentinel-users.acl port=26379 ;;
*) die 'usage: grant-rights.sh redis|sentinel' ;;
esac

# orders: one ACL SETUSER for each line of the list.
orders() {
	awk '$1 == "user" { name = $2; $1 = ""; $2 = ""; print "ACL SETUSER " name " reset" $0 }' "$1"
}

# The list is in place before the first grant: a node that restarts meanwhile starts with the new rights.
render_users "$here/$list" >"$DATA_DIR/users.acl.new"
mv "$DATA_DIR/users.acl.new" "$DATA_DIR/users.acl"

users=$(orders "$DATA_DIR/users.acl" | wc -l)
answers=$(orders "$DATA_DIR/users.acl" |
	REDISCLI_AUTH=$REDIS_ADMIN_PASSWORD timeout 5 redis-cli --user "$REDIS_ADMIN_USER" -h "$NODE_ADDRESS" -p "$port" 2>&1) || true
if [ "$(printf '%s\n' "$answers" | grep -c '^OK$')" != "$users" ]; then
	die "$NODE_ADDRESS:$port did not take the rights of all $users users: $(printf '%s\n' "$answers" | grep -v '^OK$' | sort -u)"
fi
say "the $users users of $NODE_ADDRESS:$port have the rights of $list"
