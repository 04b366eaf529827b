# Shared by start-redis.sh and start-sentinel.sh, which source it. POSIX sh.

say() {
	printf '%s start: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"
}

die() {
	say "$*" >&2
	exit 1
}

# need NAME...: refuses to go on while one of the settings is missing.
need() {
	for name; do
		eval "value=\${$name:-}"
		[ -n "$value" ] || die "the setting $name is missing"
		export "${name?}"
	done
}

# check_password: redis.conf has its own quoting, and a password that closes its
# own quotes could set anything. So only characters that mean nothing there.
check_password() {
	case $REDIS_PASSWORD in
	*[!A-Za-z0-9._~+=-]*) die "REDIS_PASSWORD may hold letters, digits and . _ ~ + = - only" ;;
	esac
}

# render FILE: prints FILE with every ${NAME} replaced from the environment. An
# unknown name is an error: half a configuration is worse than none.
render() {
	awk '
	{
		rest = $0; line = ""
		while (match(rest, /[$][{][A-Z][A-Z0-9_]*[}]/)) {
			name = substr(rest, RSTART + 2, RLENGTH - 3)
			if (ENVIRON[name] == "") {
				print FILENAME ": nothing is known for ${" name "}" > "/dev/stderr"
				exit 1
			}
			line = line substr(rest, 1, RSTART - 1) ENVIRON[name]
			rest = substr(rest, RSTART + RLENGTH)
		}
		print line rest
	}' "$1"
}

# cli ADDRESS PORT [COMMAND...]: one question with a time-out of its own, because
# redis-cli has none for connecting and a frozen process accepts connections.
# The password travels in REDISCLI_AUTH, where no process list shows it.
cli() {
	cli_host=$1 cli_port=$2
	shift 2
	REDISCLI_AUTH=$REDIS_PASSWORD timeout 1 redis-cli -h "$cli_host" -p "$cli_port" "$@" 2>/dev/null
}
