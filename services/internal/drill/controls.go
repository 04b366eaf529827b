package drill

import (
	"context"
	"os/exec"
	"regexp"
	"slices"
	"strconv"

	"evergreen/services/internal/drill/check"
	"evergreen/services/internal/stack"
)

// Controls lists the faults with one safeguard taken out, each of which has to go
// red: docs/decisions/0042-controls.md says how, and how often each did.
func Controls() []Fault {
	return slices.Concat(replicationControls(), retryControls(), configurationControls(), versionControls())
}

// loses are the rules broken by what was told and is not there.
func loses() []string { return []string{check.RuleLost} }

// doubles are the rules broken by what is there twice, or though it was refused. Of
// a stock adjustment that was made against what was told, the ledger alone shows
// that the sum is wrong, and the judge may take it for a lost one.
func doubles() []string {
	return []string{check.RuleDuplicated, check.RuleKey, check.RuleStock, check.RuleLost}
}

// without gives the Prepare of a shop whose API lacks safeguards: the program is
// built for the drill, and is told the names of weaknesses (redisdb/weakness_drill.go).
func without(names string) func(context.Context, *stack.Options) error {
	return func(ctx context.Context, o *stack.Options) (err error) {
		o.APIBinary, err = WeakAPI(ctx)
		set(o, "SHOP_WEAKNESS", names)
		return err
	}
}

// replicationControls acknowledge what too few nodes have, or nodes that are about
// to be replaced.
func replicationControls() []Fault {
	return []Fault{
		{
			Slug: "no-wait", Title: "without WAIT: the primary killed before its replicas have the last writes",
			Control: &Control{Rate: 0.8, Rules: loses()}, Prepare: without("no-wait"), Inject: killBeforeReplication,
		}, {
			Slug: "wait-elsewhere", Title: "with WAIT on another, idle connection: the same",
			Control: &Control{Rate: 0.8, Rules: loses()}, Prepare: without("wait-elsewhere"), Inject: killBeforeReplication,
		}, {
			Slug: "told-early", Title: "with results told before WAIT: the same",
			Control: &Control{Rate: 0.8, Rules: loses()}, Prepare: without("told-early"), Inject: killBeforeReplication,
		}, {
			Slug: "wait-without-rule", Title: "with WAIT 1 and no acknowledgement rule: the primary frozen for a little longer than down-after",
			Control:  &Control{Rate: 0.5, Rules: loses()},
			Variants: []string{"2.5s", "2.75s", "3s", "3.25s"},
			Prepare:  without("wait-without-rule"), Inject: primaryFreeze,
		}, {
			Slug: "bare-failover", Title: "with WAIT 1 and no acknowledgement rule: SENTINEL FAILOVER, without holding the writes",
			Control: &Control{Rate: 0.7, Rules: loses()}, Prepare: without("wait-without-rule"), Inject: bareFailover,
		}, {
			Slug: "no-incr", Title: "without the group's INCR: groups that were done before, and the primary killed before its replicas have them",
			Control: &Control{Rate: 0.5, Rules: loses()}, Prepare: without("no-incr"), Inject: killAfterReplays, Needs: needsNewWait,
		},
	}
}

// needsNewWait: until Redis 7.2 WAIT waits for all that was written before the
// connection's last command, and the INCR changes nothing.
func needsNewWait(ctx context.Context) string {
	said, err := exec.CommandContext(ctx, "redis-server", "--version").Output()
	if err != nil {
		return "redis-server --version: " + err.Error()
	}
	found := regexp.MustCompile(`v=(\d+)\.(\d+)\.\S+`).FindSubmatch(said)
	if found == nil {
		return "nobody knows which version of Redis this is: " + string(said)
	}
	major, _ := strconv.Atoi(string(found[1]))
	minor, _ := strconv.Atoi(string(found[2]))
	if major > 7 || (major == 7 && minor >= 2) {
		return ""
	}
	return "Redis " + string(found[0][2:]) + ", and WAIT needs the INCR from 7.2 on"
}

// retryControls do twice what was asked for once.
func retryControls() []Fault {
	return []Fault{
		{
			Slug: "no-request-ids", Title: "without request ids: both replicas frozen for 1 s, so that writes are submitted again",
			Control: &Control{Rate: 0.9, Rules: doubles()}, Prepare: without("no-request-ids"), Inject: frozenReplicas,
		}, {
			Slug: "driver-retries", Title: "with the driver's own retries and no request ids: connections cut while replies are awaited",
			Control: &Control{Rate: 0.8, Rules: doubles()}, Prepare: without("driver-retries,no-own-ids"), Inject: cutConnections,
		}, {
			Slug: "refusals-forgotten", Title: "with refusals not remembered: an API replica wakes up after its requests were refused by the other",
			Control: &Control{Rate: 0.5, Rules: doubles()}, Prepare: impatient("refusals-forgotten"), Inject: wakeAfterRefusals,
		}, {
			Slug: "nginx-no-request-id", Title: "with nginx retrying without a request id: an API replica killed before it could answer",
			Control: &Control{Rate: 0.6, Rules: doubles()}, Prepare: filesWith("nginx-no-request-id", edit{
				"nginx/headers.conf.template", "proxy_set_header X-Request-Id $request_id;", `proxy_set_header X-Request-Id "";`,
			}), Inject: killBeforeAnswer,
		},
	}
}

// configurationControls change how Redis keeps its data and starts.
func configurationControls() []Fault {
	return []Fault{
		{
			Slug: "everysec", Title: "with appendfsync everysec: a slow disk, then all Redis nodes killed and started",
			Control: &Control{Rate: 0.7, Rules: loses()}, Needs: needsStrace, Inject: killWithSlowDisk,
			Prepare: filesWith("everysec", edit{"redis/redis.conf", "\nappendfsync always\n", "\nappendfsync everysec\n"}),
		}, {
			Slug: "eager-boot", Title: "with replicas that start without waiting for their primary: all Redis nodes killed, one that was behind starts first",
			Control: &Control{Rate: 0.7, Rules: loses()}, Inject: startStaleFirst,
			Prepare: filesWith("eager-boot",
				edit{"redis/boot-rule.sh", `	if ! includes "$masters" "$named"; then` + "\n\t\tverdict=\"wait for $named, which", "\tif false; then\n\t\tverdict=\"wait for $named, which"},
				edit{"redis/boot-rule.sh", "\telif may_fail_over; then", "\telif false; then"}),
		},
	}
}

// versionControls lack what lets two versions share their data. The release before runs on api-1, and api-2 is weak.
func versionControls() []Fault {
	return []Fault{
		{
			Slug: "layout-3-early", Title: "with data stored as layout 3 has it while the release before runs beside this version",
			Control: &Control{Rate: 0.9, Rules: []string{check.RuleDuplicated}}, Needs: needsHistory, Native: ofAProcess,
			Load: retriesAndMembers, Furnish: plant, Prepare: sideBySide(without("layout-3-early")), Inject: mixedVersions,
		}, {
			Slug: "members-dropped", Title: "with stored products that lose unknown members at an edit: the same",
			Control: &Control{Rate: 0.9, Rules: []string{check.RuleField}}, Needs: needsHistory, Native: ofAProcess,
			Load: retriesAndMembers, Furnish: plant, Prepare: sideBySide(without("members-dropped")), Inject: mixedVersions,
		},
	}
}
