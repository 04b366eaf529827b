# Shared by start-prometheus.sh and start-alertmanager.sh, which source it. POSIX sh.

# render FILE: prints FILE with every ${NAME} replaced from the environment. An
# unknown one is an error; one that is known may be empty.
render() {
	awk '
	{
		rest = $0; line = ""
		while (match(rest, /[$][{][A-Z][A-Z0-9_]*[}]/)) {
			name = substr(rest, RSTART + 2, RLENGTH - 3)
			if (!(name in ENVIRON)) {
				print FILENAME ": nothing is known for " name > "/dev/stderr"
				exit 1
			}
			line = line substr(rest, 1, RSTART - 1) ENVIRON[name]
			rest = substr(rest, RSTART + RLENGTH)
		}
		print line rest
	}' "$1"
}

# render_all DIR FILE...: renders files that lie beside the scripts into the same
# places below DIR, which only its owner may read: a password may stand in them.
render_all() {
	into=$1
	shift
	for file; do
		mkdir -p "$into/$(dirname "$file")"
		(umask 077 && render "$here/$file" >"$into/$file")
	done
}
