package redisdb

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// The acknowledgement rule: when is a group of writes kept, whatever happens to
// any one process from now on?
//
// WAIT tells how many replicas have, on disk, all that our connection wrote.
// "One" is no quorum of three nodes that know of each other: between promoting
// replica A and pointing replica B at it, about a second, the old primary P
// still owns B. If P was only frozen, it wakes up, B acknowledges what P writes,
// and all of it is thrown away when B follows A. Measured with down-after 2 s
// and P frozen for 2 to 3.5 s: acknowledged writes lost in 6 of 8 trials with a
// bare WAIT 1. So:
//
//   - Two replicas acknowledge: kept. Whichever is promoted has it.
//   - One does: *after* the WAIT we look around. If another node is master, then
//     either it is our own ancestor (its replication id is our former one: we
//     were promoted over it), or we are the one that was promoted over, and
//     nothing that we acknowledge now is safe. The Sentinels are asked too, and
//     must not dispute the primary: see undisputed.
//     The looking has to come after the WAIT: a promotion that begins later finds
//     the acknowledging replica with our writes, and prefers it, for it has the
//     greater offset. Unless the other replica follows another history, where
//     offsets mean nothing here: see preferred.
//     A node that does not answer in time counts as not reachable: it was
//     crashed, or it is cut off, which is not promised (docs/failures.md).
//   - None does: not kept. The outcome is unknown, and the group is submitted
//     again, under the same request ids, to whoever is primary then.
//
// Refusals wait like effects: what they depend on has to be kept too.

// The cases of the rule, as labels.
const (
	caseTwo = "two-replicas"
	caseOne = "one-replica-nobody-promoted"
)

// What keeps a group from being acknowledged.
var (
	errShort    = errors.New("no replica acknowledged in time")
	errPromoted = errors.New("another node is master, or may become it")
	// errAlone is known before anything is sent: Redis would refuse each write for
	// min-replicas-to-write.
	errAlone = errors.New("the primary has no replica that it may write for")
	// errPreferred lasts until the replica has reconnected, a second or so.
	errPreferred = errors.New("a replica of another history might be promoted")
)

// waitTimeout is how long one WAIT may take; a replica that needs longer is
// asked about again, not counted on.
const waitTimeout = 500 * time.Millisecond

// lookTimeout bounds the looking around after a WAIT that one replica answered.
const lookTimeout = 300 * time.Millisecond

// The bounds of how many replicas a WAIT asks for, and the lag in seconds up to
// which one is asked for.
const (
	leastReplicas = 1
	mostReplicas  = 2
	maxLag        = 1
)

// acknowledged applies the rule to what WAIT counted on primary's connection.
func (t *topology) acknowledged(ctx context.Context, primary string, count int64) (string, error) {
	switch {
	case count >= 2:
		return caseTwo, nil
	case count == 1:
		return caseOne, t.nobodyPromoted(ctx, primary)
	}
	return "", errShort
}

// nobodyPromoted looks at the other nodes and the Sentinels.
func (t *topology) nobodyPromoted(ctx context.Context, primary string) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	mine, err := t.replication(ctx, primary)
	if err != nil || mine["role"] != "master" {
		return errors.Join(errPromoted, err)
	}
	nodes := t.now.Load().nodes
	verdicts := make(chan error, len(nodes)+1)
	for _, node := range nodes {
		go func() { verdicts <- t.rival(ctx, primary, node, mine) }()
	}
	go func() { verdicts <- undisputed(t.testimonies(ctx), primary) }()
	for range len(nodes) + 1 {
		err = errors.Join(err, <-verdicts)
	}
	return err
}

// rival refuses a node that is master without being our ancestor, or a replica
// that Sentinel might make master though it has not what we wrote.
func (t *topology) rival(ctx context.Context, primary, node string, mine map[string]string) error {
	if node == primary {
		return nil
	}
	theirs, err := t.look(ctx, node)
	switch {
	case err != nil:
		return nil //nolint:nilerr // not reachable: the rule counts it out
	case theirs["role"] == "master" && theirs["master_replid"] != mine["master_replid2"]:
		return errPromoted
	case theirs["role"] == "slave" && preferred(mine, theirs):
		return errPreferred
	}
	return nil
}

// youth is how long after its start a primary waits for both replicas, in
// seconds: as long as Sentinel may remember what a replica's offset was before,
// while it does not hold the primary for down.
const youth = 10

// preferred holds when Sentinel, which chooses by offset alone, might choose a
// replica that does not follow our history rather than the one that acknowledged.
//
// A primary that was killed and starts again from its disk begins a new history,
// at a small offset. The replica that reconnects first acknowledges what is
// written in it, at that small offset; the other one, which tries again once a
// second, still has the great offset of the old history. If Sentinel had just
// made up its mind to replace the primary, it takes that one, and what the first
// acknowledged meanwhile is lost: 230 writes in one run of the sweep, with the
// primary killed for 1.5 s. So with a replica of another history in reach one
// acknowledgement is enough only from a greater offset. A replica that is being
// given a copy has none; for a while Sentinel may still know the one it had.
func preferred(mine, theirs map[string]string) bool {
	if theirs["master_replid"] == mine["master_replid"] {
		return false // what it lacks of ours, it lacks in offset
	}
	young := integer(mine["uptime_in_seconds"]) <= youth
	return integer(theirs["slave_repl_offset"]) >= acknowledgedOffset(mine) || (young && theirs["master_sync_in_progress"] == "1")
}

// acknowledgedOffset is the greatest that an online replica has acknowledged.
func acknowledgedOffset(primary map[string]string) (greatest int64) {
	for name, value := range primary {
		if _, offset, found := strings.Cut(value, ",offset="); found && strings.HasPrefix(name, "slave") && strings.Contains(value, "state=online") {
			offset, _, _ = strings.Cut(offset, ",")
			greatest = max(greatest, integer(offset))
		}
	}
	return greatest
}

func integer(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// undisputed refuses while a reachable Sentinel has, or may be about to have,
// another primary than this one:
//
//   - It names another, and its configuration is no older than the newest that
//     names this one: we were promoted over, even if the new primary is silent.
//   - It holds its primary for down (o_down), or has a failover in progress: it
//     may be choosing somebody by what it read before our writes. That counts
//     from a Sentinel with an outdated configuration too, for it may yet be
//     elected to end the failover that it began.
//
// One failover in progress is no dispute: the one that has promoted this very
// primary. A Sentinel names the promoted node, while its record is still the old
// primary's, only once that node has said that it is master; from there on it
// cannot abort or choose anew, it only points the other replicas at the promoted
// one. Its flags speak of the old primary. They stay until it has seen in INFO,
// which it reads once a second, that the replicas have followed: waiting for that
// made each failover a second longer (4.4 s instead of 3.4 s with down-after 2 s).
// A failover that another Sentinel begins over this one shows in that one's flags.
func undisputed(said []testimony, primary string) error {
	ours := int64(-1)
	for _, s := range said {
		if s.primary == primary {
			ours = max(ours, s.epoch)
		}
	}
	for _, s := range said {
		made := s.promoted && s.primary == primary
		doubts := strings.Contains(s.flags, "o_down") || strings.Contains(s.flags, "failover_in_progress")
		if (doubts && !made) || (s.primary != primary && s.epoch >= ours) {
			return errPromoted
		}
	}
	return nil
}

// replication reads INFO replication of a node, and its uptime.
func (t *topology) replication(ctx context.Context, node string) (map[string]string, error) {
	info, err := t.client(node).Do(ctx, "INFO", "replication", "server").Text()
	return infoFields(info), err
}

func infoFields(info string) map[string]string {
	fields := map[string]string{}
	for _, line := range strings.Split(info, "\r\n") {
		if name, value, found := strings.Cut(line, ":"); found {
			fields[name] = value
		}
	}
	return fields
}

// waitFor counts the replicas that the primary can rely on now: those it reports
// online with a lag of at most maxLag. Asking for more would make every group
// wait in vain, for fewer would leave the stronger case of the rule unused. By the
// primary's own count of good ones it would refuse all writes: then they are not
// sent. Each would sit out its WAIT, and at its deadline nobody could say any more
// that nothing was written.
func waitFor(ctx context.Context, primary *redis.Client) (int64, error) {
	text, err := primary.Info(ctx, "replication").Result()
	if err != nil {
		return leastReplicas, err
	}
	info := infoFields(text)
	if info["role"] == "master" && info["min_slaves_good_slaves"] == "0" {
		return leastReplicas, errAlone
	}
	return int64(min(max(onlineReplicas(info), leastReplicas), mostReplicas)), nil
}

// onlineReplicas counts the fields such as
// slave0 = ip=127.20.0.6,port=6379,state=online,offset=1234,lag=0.
func onlineReplicas(info map[string]string) int {
	count := 0
	for name, value := range info {
		if !strings.HasPrefix(name, "slave") || !strings.Contains(value, "state=online") {
			continue
		}
		_, lag, found := strings.Cut(value, "lag=")
		if seconds, err := strconv.Atoi(lag); found && err == nil && seconds <= maxLag {
			count++
		}
	}
	return count
}
