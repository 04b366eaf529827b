# Shared by start-redis.sh and start-sentinel.sh, which source it. POSIX sh.

say() {
	printf '%s start: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"
}

die() {
	say "$*" >&2
	exit 1
}

# keep_log: where LOG_DIR is set, all that is said from here on goes to the file LOG_DIR/NODE_NAME.log, for a collector to
# read, and a process beside this one repeats it where it went before. The server itself writes to the file: whatever
# becomes of the other two, it is not kept waiting. At 1 MiB the file is copied to NODE_NAME.log.1 and begins anew.
keep_log() {
	[ -n "${LOG_DIR:-}" ] || return 0
	kept=$LOG_DIR/${NODE_NAME:?is what its log is called}.log
	# The collector is another user.
	if ! (umask 022 && : >>"$kept") 2>/dev/null; then
		say "$kept cannot be written; the log is kept here alone"
		return 0
	fi
	# Grandchildren, or Redis would find children that it doesn't know.
	(tail -n 0 -F "$kept" 2>/dev/null &)
	(bound_log >/dev/null 2>&1 &)
	exec >>"$kept" 2>&1
}

bound_log() {
	umask 022
	while sleep "${LOG_LOOK_EVERY:-10}"; do
		if [ "$(wc -c <"$kept")" -gt 1048576 ]; then cp "$kept" "$kept.1" && : >"$kept"; fi
	done
}

# need NAME...: refuses to go on while one of the settings is missing.
need() {
	for name; do
		eval "value=\${$name:-}"
		[ -n "$value" ] || die "the setting $name is missing"
		export "${name?}"
	done
}

# need_secrets NAME...: settings that are passwords. redis.conf has its own quoting,
# and a password that closes its own quotes could set anything: so only characters
# that mean nothing there. NAME_HASH becomes what users.acl shows of it.
need_secrets() {
	need "$@"
	for name; do
		eval "value=\$$name"
		case $value in
		*[!A-Za-z0-9._~+=-]*) die "$name may hold letters, digits and . _ ~ + = - only" ;;
		esac
		export "${name}_HASH=$(printf '%s' "$value" | sha256sum | cut -d ' ' -f 1)"
	done
}

# check_admin_user: the operator's name must not change what another user may do.
check_admin_user() {
	case $REDIS_ADMIN_USER in
	api | api-[0-9]* | boot | default | exporter | replication | sentinel)
		die "REDIS_ADMIN_USER=$REDIS_ADMIN_USER is the name of a user that the shop itself needs" ;;
	*[!A-Za-z0-9_-]*) die "REDIS_ADMIN_USER may hold letters, digits, _ and - only" ;;
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

# render_users FILE: prints the list of users as Redis reads it, which knows neither
# comments nor lines that go on, as FILE has them.
render_users() {
	users=$(render "$1")
	printf '%s\n' "$users" | awk '
	/^[ \t]*(#|$)/ { next }
	/^[ \t]/ { sub(/^[ \t]+/, " "); line = line $0; next }
	{ if (line != "") print line; line = $0 }
	END { print line }'
}

# cli ADDRESS PORT [COMMAND...]: one question with a time-out of its own, because
# redis-cli has none for connecting and a frozen process accepts connections. The
# scripts have a user of their own, "boot", who may do what they do and no more. Its
# password travels in REDISCLI_AUTH, where no process list shows it.
cli() {
	cli_host=$1 cli_port=$2
	shift 2
	REDISCLI_AUTH=$REDIS_BOOT_PASSWORD timeout 1 redis-cli --user boot -h "$cli_host" -p "$cli_port" "$@" 2>/dev/null
}
