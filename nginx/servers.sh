# The API replicas as nginx lists them, for start-nginx.sh, which sources this.
# POSIX sh. `make up` and the tests make the same lines in Go (services/internal/
# stack/upstream.go); a test holds one against the other.

# servers N: the lines of upstream.conf.template that list replicas 1 to N.
servers() { list_replicas "${1:-}" "max_fails=1 fail_timeout=2s"; }

# backups N: those that list them once more.
backups() { list_replicas "${1:-}" "backup max_fails=0"; }

# list_replicas N HOW: one line for each. The template indents the first one.
list_replicas() {
	case $1 in
	[2-9] | 1[0-6]) ;;
	*)
		echo "nginx start: API_REPLICAS is a whole number from 2 to 16, not \"$1\"" >&2
		return 1
		;;
	esac
	replica=1 indent=''
	while [ "$replica" -le "$1" ]; do
		echo "${indent}server $NET.$(replica_host "$replica"):5000 $2;"
		replica=$((replica + 1)) indent='    '
	done
}

# replica_host K: the last octet of api-K's address. Those from 4 to 32 belong to
# other services, so the third replica begins anew at 33.
replica_host() {
	if [ "$1" -le 2 ]; then echo $(($1 + 1)); else echo $(($1 + 30)); fi
}
