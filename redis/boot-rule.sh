# The boot rule: what may this Redis node start as? Sourced by start-redis.sh;
# it asks and decides, and changes nothing. docs/stack.md explains it in prose.
#
# It reads: self, first (addresses), others (addresses of the other nodes),
# sentinels (host:port), sentinel_count, data (directory), mark (file).
# ask sets answers; tally sets what they amount to; decide sets verdict.

# The page for people that a long wait refers to.
runbook=docs/runbook/redis-waits.md

# ask: every Sentinel and every other node at once, one line from each that
# answers, so that a frozen one costs one second and not one second each.
ask() {
	answers=$(
		for s in $sentinels; do ask_sentinel "$s" & done
		for n in $others; do ask_node "$n" & done
		wait
	)
}

# A line "sentinel WHO NAMED CONFIG-EPOCH REPLICAS FLAGS", or "refused WHO why".
#
# A Sentinel that has promoted a node, and only has to point the others at it, names
# that node to clients, while its record, flags included, is still that of the old
# primary. It cannot take the promotion back or choose anew, and it stays like that
# until the promoted node can be reached. So NAMED is the promoted one then, and
# FLAGS is "promoted". The record is read before the name, so that a node which was
# just replaced never looks like one that was promoted.
ask_sentinel() {
	said=$(cli "${1%:*}" "${1##*:}" SENTINEL MASTER "$REDIS_MASTER_NAME" | awk -v who="$1" '
	NR == 1 { why = $0 }
	NR % 2 { key = $0; next }
	{ value[key] = $0 }
	END {
		if (value["ip"] != "") print "sentinel", who, value["ip"], value["config-epoch"], value["num-slaves"], value["flags"]
		else if (why != "") print "refused", who, why
	}')
	case $said in
	*failover_in_progress*)
		promoted=$(cli "${1%:*}" "${1##*:}" SENTINEL GET-MASTER-ADDR-BY-NAME "$REDIS_MASTER_NAME" | sed -n '1s/^[0-9.]*$/&/p')
		said=$(echo "$said" | awk -v promoted="$promoted" '
		promoted != "" && promoted != $3 { $3 = promoted; $6 = "promoted" }
		{ print }')
		;;
	esac
	if [ -n "$said" ]; then echo "$said"; fi
}

# A line "node WHO ROLE data|empty", or "unclear WHO why". A node that is still
# loading has data. (One question, not two through redis-cli's standard input: then
# it asks for the description of every command first.)
ask_node() {
	cli "$1" 6379 INFO | tr -d '\r' | awk -F : -v who="$1" '
	NR == 1 { why = $0 }
	{ value[$1] = $2 }
	/^db[0-9]+:keys=/ { keys = 1 }
	END {
		if (value["role"] ~ /^(master|slave)$/) print "node", who, value["role"], (keys || value["loading"] != "0" ? "data" : "empty")
		else if (why != "") print "unclear", who, why
	}'
}

# tally: what the answers amount to. A Sentinel with config-epoch 0 that knows no
# replica is fresh: new, or its volume was lost. It has no vote. Nor has one that
# missed a newer configuration which another one knows: it will be told in a
# moment, and until then it would name a primary that was replaced.
tally() {
	heard=0 fresh=0 naming_first=0 newest=0 doubts=0 votes='' named=''
	failing='' promoting='' masters='' holders='' unclear='' refused=''
	while read -r kind who a b c d; do
		case $kind in
		sentinel)
			heard=$((heard + 1))
			if [ "$a" = "$first" ]; then naming_first=$((naming_first + 1)); fi
			if [ "$b" -gt "$newest" ]; then newest=$b; fi
			if [ "$b$c" = 00 ]; then fresh=$((fresh + 1)); fi
			case $d in *failover_in_progress*) failing=$who ;; promoted) promoting=$who ;; esac
			case $d in *o_down*) doubts=$((doubts + 2)) ;; *s_down*) doubts=$((doubts + 1)) ;; esac
			;;
		node)
			if [ "$a" = master ]; then masters="$masters $who"; fi
			if [ "$b" = data ]; then holders="$holders $who"; fi
			;;
		unclear) unclear="$unclear $who" ;;
		esac
		case $kind in
		unclear | refused) refused="$who ($a $b $c $d)" ;;
		esac
	done <<-END
		$answers
	END
	while read -r kind who a b c d; do
		if [ "$kind" = sentinel ] && [ "$b" = "$newest" ] && [ "$b$c" != 00 ]; then votes="$votes $a"; fi
	done <<-END
		$answers
	END
	# shellcheck disable=SC2086 # one word for each vote
	named=$(majority $votes)
}

# majority ADDRESS...: the one that is there twice.
majority() {
	for candidate; do
		votes_for=0
		for vote; do
			if [ "$vote" = "$candidate" ]; then votes_for=$((votes_for + 1)); fi
		done
		if [ "$votes_for" -ge 2 ]; then
			echo "$candidate"
			return
		fi
	done
}

# may_fail_over: the Sentinels hold the primary for down, or so many of them do
# that a failover could begin at any moment. One alone that cannot reach it could
# not begin one, and must not keep replicas from starting.
may_fail_over() {
	[ "$doubts" -ge 2 ]
}

# includes LIST ADDRESS
includes() {
	case " $1 " in *" $2 "*) return 0 ;; esac
	return 1
}

# is_empty: nothing lies in the data directory, or no more than a first start
# leaves that was cut off before it had written its first file.
is_empty() {
	has_history && return 1
	[ -z "$(ls -A "$data" 2>/dev/null | grep -v -e '^appendonlydir$' -e '^temp-')" ]
}

# has_history: there is an append-only file, the only one that Redis reads when it
# starts. With nothing but a snapshot beside it, it would start empty.
has_history() {
	[ -s "$data/appendonlydir/appendonly.aof.manifest" ]
}

# first_serves: the first node is primary, the only one, and is not me. Then it
# does not matter who has data: following it is all I may do.
first_serves() {
	[ "$self" != "$first" ] && [ "$masters" = " $first" ]
}

# first_run: rule 1. All Sentinels answer, all name the first node, none has ever
# seen a failover or sees one now. Sound, because a failover is made known to
# anyone only after the Sentinel that leads it has stored a config-epoch above 0.
# With no data here, all of them must be fresh and nobody else may have data.
# With the mark of an earlier first run, one may already have learned a replica:
# everything may have been stopped between the first and the second to do so.
first_run() {
	[ "$heard" = "$sentinel_count" ] && [ "$naming_first" = "$heard" ] || return 1
	[ "$newest" = 0 ] && [ -z "$failing" ] && [ -z "$unclear" ] || return 1
	[ -z "$masters" ] || first_serves || return 1
	if is_empty; then
		[ "$fresh" = "$heard" ] && { [ -z "$holders" ] || first_serves; }
	else
		[ -e "$mark" ] && [ $((heard - fresh)) -le 1 ] && { has_history || [ "$self" != "$first" ]; }
	fi
}

# decide: verdict becomes "first primary", "first replica ADDRESS", "primary",
# "replica ADDRESS", or "wait for WHAT".
decide() {
	if first_run; then
		decide_first
	elif [ -z "$named" ]; then
		verdict="wait for two Sentinels that name one primary ($heard of $sentinel_count answer, $fresh of them know nothing yet)"
		if nobody_will_tell; then verdict="$verdict; a person has to decide: $runbook"; fi
	elif [ -n "$failing" ]; then
		verdict="wait for the end of the failover that $failing sees in progress"
	elif [ "$named" = "$self" ]; then
		decide_named
	elif [ -n "$promoting" ]; then
		# It ends once the promoted node is up, and that is not me.
		verdict="wait for the end of the failover that $promoting sees in progress"
	else
		decide_follower "replica $named"
	fi
	case $verdict in wait*) verdict="$verdict${refused:+; I was refused by $refused}" ;; esac
}

# nobody_will_tell: everybody is there, nobody who remembers a failover and no
# primary from whom the Sentinels could learn again. This does not end by itself.
nobody_will_tell() {
	[ "$heard" = "$sentinel_count" ] && [ "$newest" = 0 ] && [ $((heard - fresh)) -le 1 ] &&
		[ -z "$masters" ] && ! is_empty
}

# decide_first: rule 1. An empty node may start before the primary it follows:
# fresh Sentinels know no replica, so they cannot promote it.
decide_first() {
	if [ "$self" = "$first" ]; then
		verdict='first primary'
	elif is_empty; then
		verdict="first replica $first"
	else
		named=$first
		decide_follower "first replica $first"
	fi
}

# decide_follower VERDICT: rule 3. A replica that starts from its disk reports
# offset 1 until it has caught up, however old its data is, and Sentinel might
# choose it. So it starts only when its primary is up, and known to be up: a
# Sentinel that has not noticed yet may begin a failover at any moment.
decide_follower() {
	if ! includes "$masters" "$named"; then
		verdict="wait for $named, which the Sentinels name, to answer as primary"
	elif may_fail_over; then
		verdict="wait for the Sentinels to notice that $named is up"
	else
		verdict=$1
	fi
}

# decide_named: rule 2, for a node that two Sentinels name. With an empty
# directory never (rule 4): every replica would copy the emptiness.
decide_named() {
	if is_empty; then
		verdict="wait for the Sentinels to name another node: they name this one, but its data is gone ($runbook)"
	elif ! has_history; then
		verdict="wait for an append-only file: they name this node, and without one it would start empty ($runbook)"
	elif [ -n "$masters" ]; then
		verdict="wait for$masters to stop being primary: the Sentinels name this node"
	elif [ -n "$unclear" ]; then
		verdict="wait for$unclear to say what it is"
	else
		verdict=primary
	fi
}

# tell_wait: says what this node waits for, and says it again every half minute,
# so that it stands at the end of the log for whoever comes to look. It keeps what
# it said in told, and when in told_at.
tell_wait() {
	now=$(date +%s)
	if [ "$verdict" != "$told" ]; then
		say "I $verdict"
	elif [ $((now - told_at)) -ge 30 ]; then
		say "I still $verdict (if that lasts: $runbook)"
	else
		return 0
	fi
	told=$verdict told_at=$now
}
