package dashboards

const (
	host = `job="node", ` + every
	// As the alerts have it: file systems that hold something, and can fill up.
	diskUsed = `(1 - node_filesystem_avail_bytes{` + host + `, fstype!~"tmpfs|ramfs|squashfs|erofs|iso9660|fuse.*"} / (node_filesystem_size_bytes{` + host + `} > 0)
  and node_filesystem_readonly{` + host + `} == 0)`
	memoryUsed = `(1 - node_memory_MemAvailable_bytes{` + host + `} / node_memory_MemTotal_bytes{` + host + `})`
)

// hostStack is about the machine, the processes on it, and those that watch.
func hostStack() Dashboard {
	panels := hostFirst()
	panels = append(panels, hostMachine()...)
	panels = append(panels, hostProcesses()...)
	panels = append(panels, hostBackups()...)
	panels = append(panels, hostPrometheus()...)
	panels = append(panels, hostAlertmanager()...)
	panels = append(panels, hostLogs()...)
	return newDashboard("host-stack", "Host and stack",
		"The machine, what each process takes of it, and whether those who watch are well themselves.", ".+", panels...)
}

func hostFirst() []*Panel {
	const answered = "What Prometheus asks, and whether it is answered. Normal is green. Red: that process is down, or its exporter is; a node of Redis that does not answer is red in Redis HA instead, for its exporter does."
	return []*Panel{
		stat("Processor used", "Share of all cores of the host that is busy. Normal is under 80 %. Over it for long, everything answers later: find out who below.",
			"percentunit", now(`1 - avg(rate(node_cpu_seconds_total{mode="idle", `+host+`}[$__rate_interval]))`, "used")).
			size(4, 4).limits("green", 0.8, "orange", 0.95, "red").decimals(0).none("no exporter"),
		stat("Memory used", "Share of the host's memory that is not available. Normal is under 85 %. Over 90 % an alert mails: the kernel will soon kill somebody.",
			"percentunit", now(`max`+memoryUsed, "used")).size(4, 4).limits("green", 0.85, "orange", 0.9, "red").decimals(0).none("no exporter"),
		stat("Fullest disk", "Share used of the file system that is fullest. Normal is under 85 %. Full: Redis cannot write its append-only file and exits; make room now.",
			"percentunit", now(`max`+diskUsed, "used")).size(4, 4).limits("green", 0.85, "orange", 0.95, "red").decimals(0).none("no exporter"),
		stat("Targets that do not answer", "Of all that Prometheus asks. Normal is 0. Which ones: below. The shop may sell on without them, but somebody is blind.",
			"none", now(`count(up{`+every+`}) - sum(up{`+every+`})`, "down")).size(4, 4).limits("green", 1, "red").none("nothing asked"),
		stat("Up since", "When the host was started. Normal is long ago. A moment ago and you did not do it: look into the host's own logs.",
			"dateTimeFromNow", now(`max(node_boot_time_seconds{`+host+`}) * 1000`, "started")).size(4, 4).limits("text").option("colorMode", "none").none("no exporter"),
		stat("Killed for want of memory", "Processes that the kernel has killed in the time shown. Normal is 0. If not: the host's log says whom; give it less to do or more memory.",
			"none", now(`round(sum(increase(node_vmstat_oom_kill{`+host+`}[$__range])))`, "killed")).size(4, 4).limits("green", 1, "red").decimals(0).none("no exporter"),
		timeline("What answers Prometheus", answered, q(`max by (job, instance) (up{`+every+`})`, "{{job}}: {{instance}}")).
			size(24, 10).limits("red", 1, "green").says(0, "down", "red", 1, "up", "green").option("showValue", "never"),
	}
}

func hostMachine() []*Panel {
	return []*Panel{
		heading("Machine"),
		graph("Processor, by what it does", "Share of all cores. Normal is mostly user and system. Much iowait: the disk is slow. Much steal: the machine is virtual, and its host gives the time to others.",
			"percentunit", q(`avg by (mode) (rate(node_cpu_seconds_total{mode!="idle", `+host+`}[$__rate_interval]))`, "{{mode}}")).size(8, 7).stacked(),
		graph("Load, and who waits", "Processes that run or want to (load), and the share of time that somebody waited for a processor, a disk or memory. Normal is a load under the number of cores.",
			"none", q(`node_load1{`+host+`}`, "load 1 m"), q(`node_load5{`+host+`}`, "load 5 m"), q(`count(rate(node_cpu_seconds_total{mode="idle", `+host+`}[$__rate_interval]))`, "cores")).size(8, 7).painted("cores", "red"),
		graph("Time that somebody waited", "Share of time in which at least one process could not go on for want of processor, disk or memory (PSI). Normal is near 0 for memory, low for disk. Memory over 10 %: the host is short of it.",
			"percentunit", q(`rate(node_pressure_cpu_waiting_seconds_total{`+host+`}[$__rate_interval])`, "processor"), q(`rate(node_pressure_io_waiting_seconds_total{`+host+`}[$__rate_interval])`, "disk"), q(`rate(node_pressure_memory_waiting_seconds_total{`+host+`}[$__rate_interval])`, "memory")).size(8, 7),
		graph("Memory", "What is available to processes, and all there is. Normal is plenty of room: the stack's bounds add up to under 5 GB. Available near 0: the kernel will kill somebody.",
			"bytes", q(`node_memory_MemTotal_bytes{`+host+`}`, "all"), q(`node_memory_MemTotal_bytes{`+host+`} - node_memory_MemAvailable_bytes{`+host+`}`, "used"), q(`node_memory_SwapTotal_bytes{`+host+`} - node_memory_SwapFree_bytes{`+host+`}`, "swapped out")).size(8, 7),
		graph("Disks, share used", "By the device that a file system lies on. Normal is under 85 %. Over it an alert mails; at 100 % Redis exits.",
			"percentunit", q(`max by (device) `+diskUsed, "{{device}}")).size(8, 7).atMost(1).marked("transparent", 0.85, "orange", 0.95, "red"),
		graph("Disks, time busy", "Share of time in which the disk had something to do. Normal is under 80 %. Near 100 %: each group of writes waits for it; a faster disk is the cure.",
			"percentunit", q(`rate(node_disk_io_time_seconds_total{device!~"zram.*|loop.*|ram.*", `+host+`}[$__rate_interval])`, "{{device}}")).size(8, 7).atMost(1).marked("transparent", 0.8, "orange"),
		graph("Disks, bytes a second", "Read and written, by disk. Normal is mostly writing: append-only files. Much reading: memory is short, or somebody copies.",
			"Bps", q(`rate(node_disk_read_bytes_total{device!~"zram.*|loop.*|ram.*", `+host+`}[$__rate_interval])`, "{{device}} read"), q(`rate(node_disk_written_bytes_total{device!~"zram.*|loop.*|ram.*", `+host+`}[$__rate_interval])`, "{{device}} written")).size(8, 7),
		graph("Processes that run, and that wait for a disk", "Normal is that few wait for a disk, and not more run than there are cores. Many wait: the disk is slow. The network is not watched: a container sees only its own.",
			"none", q(`node_procs_running{`+host+`}`, "run"), q(`node_procs_blocked{`+host+`}`, "wait for a disk")).size(8, 7).decimals(0),
		graph("Open files of the host", "Share of the kernel's bound that is in use. Normal is under 10 %. More: some process opens files and does not close them; see the processes below.",
			"percentunit", q(`node_filefd_allocated{`+host+`} / node_filefd_maximum{`+host+`}`, "open")).size(8, 7).atMost(1).marked("transparent", 0.8, "red"),
	}
}

func hostProcesses() []*Panel {
	return []*Panel{
		heading("Processes"),
		graph("Processor, by process", "Cores that each one uses: Redis and Sentinels by their own word, the others by what their libraries measure. nginx tells nothing of the kind. Normal is that Redis and the API lead.",
			"none", q(`rate(process_cpu_seconds_total{job!~"redis|sentinel|nginx", `+every+`}[$__rate_interval])`, "{{instance}}"),
			q(`rate(redis_cpu_user_seconds_total{`+every+`}[$__rate_interval]) + rate(redis_cpu_sys_seconds_total{`+every+`}[$__rate_interval])`, "{{instance}}")).size(12, 8).stacked(),
		graph("Memory, by process", "Resident bytes of each one. Normal is under its bound in containers: Redis 768 MB, Prometheus 512, API 128. One that climbs for hours and never falls has a leak, or more to keep.",
			"bytes", q(`process_resident_memory_bytes{job!~"redis|sentinel|nginx", `+every+`}`, "{{instance}}"), q(`redis_memory_used_rss_bytes{`+every+`}`, "{{instance}}")).size(12, 8).stacked(),
		graph("Time since the start, by process", "Normal is long, and the same for all that were started together. A saw: that process ends and is started again; read its log.",
			"s", q(`time() - process_start_time_seconds{job!~"redis|sentinel|nginx", `+every+`}`, "{{instance}}"), q(`redis_uptime_in_seconds{`+every+`}`, "{{instance}}")).size(12, 8),
		graph("Open files, by process", "Share of its bound. Normal is under a half. Near 100 %: it will refuse connections.",
			"percentunit", q(`process_open_fds{job!~"redis|sentinel|nginx", `+every+`} / process_max_fds{job!~"redis|sentinel|nginx", `+every+`}`, "{{instance}}")).size(12, 8).atMost(1).marked("transparent", 0.8, "red"),
	}
}

// hostBackups has no data where the service idles.
func hostBackups() []*Panel {
	const backup = `job="backup", ` + every
	return []*Panel{
		heading("Backups"),
		stat("Last verified backup", "When a full backup was last restored and checked. Normal is under an hour or two ago. Over three hours an alert mails. The year 1970: never, for example because no target is set.",
			"dateTimeFromNow", now(`max(shop_backup_last_verified_seconds{`+backup+`}) * 1000`, "verified")).size(4, 7).limits("text").option("colorMode", "none").none("no service"),
		stat("Would be lost with the host", "Time since the newest write that is in each target. Normal is under two minutes. It grows: the target takes nothing.",
			"s", now(`time() - max by (target) (shop_backup_last_shipped_seconds{`+backup+`} > 0)`, "{{target}}")).size(4, 7).limits("green", 120, "orange", 600, "red").decimals(0).none("no target"),
		graph("Size of a backup", "Of the last full backup: the append-only files, and what is left of them compressed and encrypted; and what waits for a target. Normal is that they grow with the shop and that nothing waits.",
			"bytes", q(`shop_backup_data_bytes{`+backup+`}`, "files"), q(`shop_backup_size_bytes{`+backup+`}`, "encrypted"), q(`shop_backup_spool_bytes{`+backup+`}`, "waiting")).size(8, 7),
		graph("Time for a backup and for its verification", "Of the last one of each. Normal is minutes at most. Much longer than before: the disk or the target is slow.",
			"s", q(`shop_backup_duration_seconds{`+backup+`}`, "backup"), q(`shop_backup_verification_duration_seconds{`+backup+`}`, "verification")).size(8, 7),
		graph("Backups and requests to targets that failed, a minute", "Normal is 0. If not: the service's log says why, and shop_backup_target_failures_total names the target.",
			"cpm", q(`60 * rate(shop_backup_failures_total{`+backup+`}[$__rate_interval])`, "backup"), q(`60 * rate(shop_backup_verification_failures_total{`+backup+`}[$__rate_interval])`, "verification"), q(`60 * sum(rate(shop_backup_target_failures_total{`+backup+`}[$__rate_interval]))`, "target")).
			size(16, 6).painted("backup", "orange", "verification", "red", "target", "orange").upTo(1),
		timeline("Room for backups", "Whether the last backup or verification found memory and disk enough. Normal is green. Red: see the service's log.",
			q(`max by (instance) (shop_backup_no_room{`+backup+`})`, "{{instance}}")).size(8, 6).limits("green", 1, "red").says(0, "room", "green", 1, "no room", "red"),
	}
}

func hostPrometheus() []*Panel {
	const prometheus = `job="prometheus", ` + every
	return []*Panel{
		heading("Prometheus"),
		graph("Time to ask each target", "How long an answer takes, by target. Normal is under 0.5 s. At the time-out (4 s) there is a gap in all its graphs.",
			"s", q(`scrape_duration_seconds{`+every+`}`, "{{job}}: {{instance}}")).size(12, 8).marked("transparent", 4, "red").option("tooltip", object{"mode": "single", "sort": "none"}),
		graph("Figures taken in a second", "Samples appended. Normal is steady. A step down: a target is gone. A jump: somebody exports far more than before.",
			"none", q(`sum(rate(prometheus_tsdb_head_samples_appended_total{`+prometheus+`}[$__rate_interval]))`, "samples")).size(6, 8),
		graph("Series in memory", "Normal is steady at some ten thousand. It climbs without end: a label that takes ever new values; topk(10, count by (__name__) ({__name__=~\".+\"})) finds it.",
			"none", q(`prometheus_tsdb_head_series{`+prometheus+`}`, "series")).size(6, 8).marked("transparent", 200000, "red"),
		graph("Rules that failed, a second", "Evaluations of rules that ended in an error, and those that were left out. Normal is 0. If not, alerts are blind: Prometheus's page of rules shows which one and why.",
			"ops", q(`sum(rate(prometheus_rule_evaluation_failures_total{`+prometheus+`}[$__rate_interval]))`, "failed"), q(`sum(rate(prometheus_rule_group_iterations_missed_total{`+prometheus+`}[$__rate_interval]))`, "left out")).size(8, 7).painted("failed", "red", "left out", "orange").upTo(1),
		graph("Time to evaluate the rules", "Of each group. Normal is far under the 15 s between two evaluations.",
			"s", q(`max by (group) (label_replace(prometheus_rule_group_last_duration_seconds{`+prometheus+`}, "group", "$1", "rule_group", ".*;(.*)"))`, "{{group}}")).size(8, 7).marked("transparent", 10, "red").option("tooltip", object{"mode": "single", "sort": "none"}),
		graph("Space that Prometheus takes", "Its blocks on disk; the last two hours are not in one yet. Normal is that it grows until the retention (31 days or 4 GB) and stays. If it does not: the disk is for others, too; see above.",
			"bytes", q(`prometheus_tsdb_storage_blocks_bytes{`+prometheus+`}`, "on disk")).size(8, 7),
	}
}

func hostAlertmanager() []*Panel {
	const alertmanager = `job="alertmanager", ` + every
	return []*Panel{
		heading("Alertmanager and its mail"),
		graph("Alerts in Alertmanager", "By state: active ones are mailed, suppressed ones are silenced or inhibited. Normal is 1 active, the watchdog. 0: Prometheus does not reach it, and nothing would be mailed.",
			"none", q(`alertmanager_alerts{`+alertmanager+`}`, "{{state}}")).size(8, 7).decimals(0),
		graph("Mails sent and failed, a minute", "Notifications by mail. Normal is none or few, and no failed one. Failed: the SMTP settings in .env, or the mail server; nobody hears of alerts until that is mended.",
			"cpm", q(`60 * sum(rate(alertmanager_notifications_total{integration="email", `+alertmanager+`}[$__rate_interval]))`, "sent"), q(`60 * sum(rate(alertmanager_notifications_failed_total{integration="email", `+alertmanager+`}[$__rate_interval]))`, "failed")).
			size(8, 7).painted("sent", "green", "failed", "red"),
		graph("Alerts that Prometheus could not hand over", "Dropped, or sent with an error, a second; and how many wait. Normal is 0. If not: Alertmanager is down.",
			"none", q(`sum(rate(prometheus_notifications_dropped_total{`+every+`}[$__rate_interval]))`, "dropped a second"), q(`sum(rate(prometheus_notifications_errors_total{`+every+`}[$__rate_interval]))`, "errors a second"), q(`sum(prometheus_notifications_queue_length{`+every+`})`, "waiting")).
			size(8, 7).painted("waiting", "blue", "dropped", "red", "errors", "orange").upTo(1),
		timeline("Configuration", "Whether Prometheus and Alertmanager could read their files at the last try. Normal is green. Red: they go on with the old ones; their logs say which line.",
			q(`max by (instance) (prometheus_config_last_reload_successful{`+every+`})`, "{{instance}}"), q(`max by (instance) (alertmanager_config_last_reload_successful{`+every+`})`, "{{instance}}")).
			size(12, 5).limits("red", 1, "green").says(0, "refused", "red", 1, "read", "green"),
		graph("Time to hand a mail over (p95)", "One mail in twenty takes the mail server longer. Normal is under a second. Longer: the mail server is slow; alerts are late.",
			"s", q(`histogram_quantile(0.95, sum by (le) (rate(alertmanager_notification_latency_seconds_bucket{integration="email", `+alertmanager+`}[$__rate_interval])))`, "p95")).size(12, 5),
	}
}

func hostLogs() []*Panel {
	const (
		loki      = `job="loki", ` + every
		collector = `job="collector", ` + every
	)
	return []*Panel{
		heading("Logs, where they run (profile logs)"),
		graph("Log lines taken in a second", "By Loki. Normal is some for each request. None while requests come in: the collector is down, or cannot read the files.",
			"none", q(`sum(rate(loki_distributor_lines_received_total{`+loki+`}[$__rate_interval]))`, "lines")).size(6, 7).none("no Loki here"),
		graph("Log lines refused", "By reason: too many, too old, too long. Normal is none. If not: the limits in loki/ and who writes so much.",
			"none", q(`sum by (reason) (rate(loki_discarded_samples_total{`+loki+`}[$__rate_interval]))`, "{{reason}}")).size(6, 7).none("none"),
		graph("Lines that wait in the collector", "What Loki has not taken yet, against the most that may wait. Normal is near 0. It climbs: Loki is down or slow; at the bound the collector stops reading, and nothing is lost as long as the files are there.",
			"none", q(`sum by (instance) (otelcol_exporter_queue_size{`+collector+`})`, "wait"), q(`sum by (instance) (otelcol_exporter_queue_capacity{`+collector+`})`, "at most")).
			size(6, 7).none("no collector here").painted("at most", "red"),
		graph("Memory of the log pipeline", "Resident bytes of Loki and its collector. Normal is under 384 and 256 MB, their bounds in containers. Near it: fewer lines, or a higher bound.",
			"bytes", q(`process_resident_memory_bytes{`+loki+`}`, "{{instance}}"), q(`otelcol_process_memory_rss{`+collector+`}`, "{{instance}}")).size(6, 7).none("no Loki here"),
	}
}
