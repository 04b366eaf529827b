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
	# Grandchildren, or Redis would find children that it doesn't know. tail begins where the file ends now: by the time
	# that it has started, there may be more.
	begun=$(wc -c <"$kept")
	(tail -c "+$((begun + 1))" -F "$kept" 2>/dev/null &)
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
		for ending in NEXT BEFORE; do second_secret "$name" "$ending"; done
	done
}

# second_secret NAME ENDING: while `make rotate` replaces a secret, NAME_NEXT or NAME_BEFORE is accepted, too. It notes the
# hashes of both in second_hashes, and forgets the secret.
second_secret() {
	eval "second=\${$1_$2:-} hash=\$$1_HASH"
	if [ -n "$second" ]; then second_hashes="${second_hashes:-} $hash:$(printf '%s' "$second" | sha256sum | cut -d ' ' -f 1)"; fi
	unset "$1_$2" second
}

# optional_secret NAME: a secret that an older .env lacks. Without it the user has a random password, with which
# no program can log in.
optional_secret() {
	eval "value=\${$1:-}"
	if [ -z "$value" ]; then export "$1=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"; fi
	need_secrets "$1"
}

# check_admin_user: the operator's name must not change what another user may do.
check_admin_user() {
	case $REDIS_ADMIN_USER in
	api | api-[0-9]* | backup | boot | default | exporter | replication | sentinel)
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

# layout: the oldest layout of the data whose programs may come in. The mark is there once `make finish-upgrade` has
# locked older programs out.
layout() {
	cat "$DATA_DIR/layout" 2>/dev/null || echo 1
}

# mark_layout LAYOUT: writes the mark so that it survives a loss of power.
mark_layout() {
	printf '%s\n' "$1" >"$DATA_DIR/layout.new"
	sync "$DATA_DIR/layout.new"
	mv "$DATA_DIR/layout.new" "$DATA_DIR/layout"
	sync "$DATA_DIR"
}

# api_users: reads a list of users as Redis has it, and prints the API's: api for layout 1, api-N for layout N.
api_users() {
	awk '$1 == "user" && $2 ~ /^api(-[0-9]+)?$/ { print $2 }'
}

# older_than LAYOUT: reads names of users, and prints those of the API's that belong to an older layout.
older_than() {
	awk -v least="$1" '/^api(-[0-9]+)?$/ { of = $0 == "api" ? 1 : substr($0, 5); if (of + 0 < least + 0) print }'
}

# without_older_users: reads a list of users as Redis has it, and prints it without those that are locked out.
without_older_users() {
	awk -v least="$(layout)" '
	$1 == "user" && $2 ~ /^api(-[0-9]+)?$/ { of = $2 == "api" ? 1 : substr($2, 5); if (of + 0 < least + 0) next }
	{ print }'
}

# learn_layout FILE ADDRESS PORT: takes the mark over from a server, where the own one was lost with its volume. That
# server says WRONGPASS to each user that is locked out; FILE names the users that there are. Any other answer, or none,
# tells nothing: only a server that refuses the older users and lets a newer one in does.
learn_layout() {
	[ ! -e "$DATA_DIR/layout" ] || return 0
	for user in $(render_all_users "$1" | api_users); do
		case $(cli_as "$user" "$REDIS_API_PASSWORD" "$2" "$3" PING 2>&1) in
		PONG)
			if [ "$user" != api ]; then
				say "programs of a layout before ${user#api-} are locked out at $2, and so they are here"
				mark_layout "${user#api-}"
			fi
			return 0
			;;
		*WRONGPASS*) ;;
		*) return 0 ;;
		esac
	done
}

# render_users FILE: prints the list of users as Redis reads it, without those that are locked out.
render_users() {
	all_users=$(render_all_users "$1")
	printf '%s\n' "$all_users" | without_older_users
}

# render_all_users FILE: prints the list of users as Redis reads it, which knows neither
# comments nor lines that go on, as FILE has them.
render_all_users() {
	users=$(render "$1")
	printf '%s\n' "$users" | awk '
	/^[ \t]*(#|$)/ { next }
	/^[ \t]/ { sub(/^[ \t]+/, " "); line = line $0; next }
	{ if (line != "") print line; line = $0 }
	END { print line }' | with_second_hashes
}

# with_second_hashes: reads a list of users, and lets those in with the second secret, too, who come in with the first.
with_second_hashes() {
	awk -v pairs="${second_hashes:-}" '
	BEGIN { n = split(pairs, pair, " ") }
	{
		for (i = 1; i <= n; i++) { split(pair[i], hash, ":"); gsub("#" hash[1], "#" hash[1] " #" hash[2]) }
		print
	}'
}

# cli ADDRESS PORT [COMMAND...]: one question with a time-out of its own, because
# redis-cli has none for connecting and a frozen process accepts connections. The
# scripts have a user of their own, "boot", who may do what they do and no more. Its
# password travels in REDISCLI_AUTH, where no process list shows it.
cli() {
	cli_as boot "$REDIS_BOOT_PASSWORD" "$@" 2>/dev/null
}

# cli_as USER PASSWORD ADDRESS PORT [COMMAND...]: the same as another user; what redis-cli complains of is said, too.
cli_as() {
	cli_user=$1 cli_password=$2 cli_host=$3 cli_port=$4
	shift 4
	REDISCLI_AUTH=$cli_password timeout 1 redis-cli --user "$cli_user" -h "$cli_host" -p "$cli_port" "$@"
}
