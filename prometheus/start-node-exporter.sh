#!/bin/sh
# Starts node_exporter, natively and in containers alike, with what the dashboards
# and alerts look at and nothing else: processor, load, memory, pressure, disks, file
# systems, open files. Not the network: a container sees only its own. Arguments are
# node_exporter's own.
set -eu
set -- --collector.disable-defaults --collector.cpu --collector.diskstats --collector.filefd --collector.filesystem \
	--collector.loadavg --collector.meminfo --collector.pressure --collector.stat --collector.time --collector.uname \
	--collector.vmstat "$@"
# File systems that hold something, and neither what containers see of them nor what lies in memory.
set -- --collector.filesystem.fs-types-exclude='^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fuse.*|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|pstore|ramfs|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs)$' \
	--collector.filesystem.mount-points-exclude='^/(dev|proc|run|sys|var/lib/(docker|containerd|containers|kubelet))($|/)' "$@"
# As its authors name it, or as Debian does.
program=$(command -v node_exporter || command -v prometheus-node-exporter)
exec "$program" "$@"
