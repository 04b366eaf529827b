#!/bin/sh
# Locks programs of older layouts out of a running Redis node or Sentinel, for good. It runs in the environment of the
# server's own start script, natively and in containers alike:
#   lock-out.sh redis LAYOUT      on a node
#   lock-out.sh sentinel LAYOUT   on a Sentinel
# The mark DATA_DIR/layout comes first: from then on the start scripts leave out the users of older layouts. Then the
# users go, and Redis closes their connections. It may be cut off anywhere and called again. `make finish-upgrade` calls it.
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

DATA_DIR=${DATA_DIR:-/data}
need NODE_ADDRESS DATA_DIR
need_secrets REDIS_ADMIN_PASSWORD
need REDIS_ADMIN_USER
case ${1:-} in
redis) port=6379 ;;
sentinel) port=26379 ;;
*) die 'usage: lock-out.sh redis|sentinel LAYOUT' ;;
esac
case ${2:-} in
'' | *[!0-9]*) die 'usage: lock-out.sh redis|sentinel LAYOUT' ;;
esac
if [ "$(layout)" -gt "$2" ]; then die "$NODE_ADDRESS:$port has layout $(layout) already, which is newer than $2"; fi

older=$(api_users <"$DATA_DIR/users.acl" | older_than "$2")
mark_layout "$2"
without_older_users <"$DATA_DIR/users.acl" >"$DATA_DIR/users.acl.new"
mv "$DATA_DIR/users.acl.new" "$DATA_DIR/users.acl"

# operator COMMAND...: one command as the operator.
operator() {
	REDISCLI_AUTH=$REDIS_ADMIN_PASSWORD timeout 5 redis-cli --user "$REDIS_ADMIN_USER" -h "$NODE_ADDRESS" -p "$port" "$@" 2>&1
}

# Those that the server knows count, whatever its file has said.
users=$(operator ACL USERS) || die "$NODE_ADDRESS:$port does not say which users it has: $users"
for user in $(printf '%s\n' "$users" | older_than "$2") $older; do
	said=$(operator ACL DELUSER "$user") || die "$NODE_ADDRESS:$port does not delete the user $user: $said"
	case $said in
	0 | 1) ;;
	*) die "$NODE_ADDRESS:$port does not delete the user $user: $said" ;;
	esac
done
say "$NODE_ADDRESS:$port lets in no program of a layout before $2"
