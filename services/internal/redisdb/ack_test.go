package redisdb

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
)

func TestTheSentinelsMustNotDisputeThePrimary(t *testing.T) {
	const mine, other, busy = "mine", "other", "master,s_down,o_down,failover_in_progress"
	agrees := testimony{primary: mine, epoch: 2, flags: "master"}
	for _, row := range []struct {
		name string
		said []testimony
		safe bool
	}{
		{"all name it", []testimony{agrees, agrees, agrees}, true},
		{"nobody answers", nil, true},
		{"one alone cannot reach it", []testimony{agrees, {primary: mine, epoch: 2, flags: "master,s_down"}}, true},
		{"one holds it for down with others' consent", []testimony{agrees, {primary: mine, epoch: 2, flags: "master,s_down,o_down"}}, false},
		{"one is replacing it", []testimony{agrees, {primary: mine, epoch: 2, flags: busy}}, false},
		{"one has just promoted it", []testimony{agrees, {primary: mine, epoch: 2, promoted: true, flags: busy}}, true},
		{"one has just promoted it, nobody else has heard of it", []testimony{
			{primary: other, epoch: 1, flags: "master,s_down"}, {primary: mine, epoch: 2, promoted: true, flags: busy},
		}, true},
		{"one has just promoted another", []testimony{agrees, {primary: other, epoch: 3, promoted: true, flags: busy}}, false},
		{"one has just promoted another and has not counted it yet", []testimony{agrees, {primary: other, epoch: 2, promoted: true, flags: busy}}, false},
		{"one has just promoted it and another one is replacing the old primary", []testimony{
			{primary: other, epoch: 1, flags: busy}, {primary: mine, epoch: 2, promoted: true, flags: busy},
		}, false},
		{"one promoted it, and another promoted somebody else later", []testimony{
			{primary: mine, epoch: 2, promoted: true, flags: busy}, {primary: other, epoch: 3, flags: "master"},
		}, false},
		{"one is behind", []testimony{agrees, {primary: other, epoch: 1, flags: "master"}}, true},
		{"one is behind and may begin a failover", []testimony{agrees, {primary: other, epoch: 1, flags: "master,s_down,o_down"}}, false},
		{"those that answer name another", []testimony{{primary: other, epoch: 0, flags: "master"}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := undisputed(row.said, mine)
			if row.safe {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, errPromoted)
			}
		})
	}
}

func TestOneReplicaIsNotEnoughWhileSentinelMightPreferAnother(t *testing.T) {
	info := func(lines ...string) map[string]string { return infoFields(strings.Join(lines, "\r\n")) }
	mine := info("role:master", "master_replid:new", "uptime_in_seconds:1",
		"slave0:ip=127.0.0.6,port=6379,state=online,offset=5000,lag=0", "slave1:ip=127.0.0.7,port=6379,state=wait_bgsave,offset=9000,lag=0")
	grown := info("role:master", "master_replid:new", "uptime_in_seconds:60", "slave0:ip=127.0.0.6,port=6379,state=online,offset=5000,lag=0")
	for _, row := range []struct {
		name         string
		mine, theirs map[string]string
		preferred    bool
	}{
		{"it follows this history and is behind", mine, info("master_replid:new", "slave_repl_offset:100"), false},
		{"it follows this history and has more", mine, info("master_replid:new", "slave_repl_offset:6000"), false},
		{"it has more of another history", mine, info("master_replid:old", "slave_repl_offset:1598171"), true},
		{"it has as much of another history", mine, info("master_replid:old", "slave_repl_offset:5000"), true},
		{"it has less of another history", mine, info("master_replid:old", "slave_repl_offset:4999"), false},
		{"it is just being given a copy of a young history", mine, info("master_replid:old", "slave_repl_offset:0", "master_sync_in_progress:1"), true},
		{"it is just being given a copy of a long history", grown, info("master_replid:old", "slave_repl_offset:0", "master_sync_in_progress:1"), false},
		{"it has more of another history, even a long time after", grown, info("master_replid:old", "slave_repl_offset:1598171"), true},
		{"nobody is online any more", info("master_replid:new"), info("master_replid:old", "slave_repl_offset:1"), true},
	} {
		require.Equal(t, row.preferred, preferred(row.mine, row.theirs), row.name)
	}
}

// The other replica is kept from following, so that the moment in which Sentinel
// would prefer it lasts.
func TestAfterARestartOfThePrimaryOneReplicaIsNotEnoughUntilTheOtherFollowsOrIsGone(t *testing.T) {
	a := newArenaWith(t, unhurried(), nil)
	name, db, key := a.whole(t), a.dbs[0], unique("counter")
	// The old history gets an offset that the new one will not have for a while.
	_, err := a.Redis(t.Context(), name, "SET", key, strings.Repeat("x", 1<<20))
	require.NoError(t, err)
	_, err = db.Commit(t.Context(), counting(unique("counter"), 99, request(key)))
	require.NoError(t, err)
	var others []*stack.Process
	for _, node := range []string{"redis-1", "redis-2", "redis-3"} {
		if node != name {
			others = append(others, a.Process(node))
		}
	}
	behind := others[0].Name()
	_, err = a.Redis(t.Context(), behind, "CONFIG", "SET", "masterauth", "a wrong one")
	require.NoError(t, err)
	require.NoError(t, a.Process(name).Kill())
	require.NoError(t, a.Process(name).Restart(t.Context()))
	require.Eventually(t, func() bool {
		info, err := a.Redis(t.Context(), name, "INFO", "replication")
		return err == nil && strings.Contains(info, "state=online")
	}, generous, 10*time.Millisecond, "one replica follows")
	// The rule counts a node out that is silent for 0.3 s, and on a busy machine one may be.
	address := a.Process(name).Addr()
	require.Eventually(t, func() bool {
		_, err := db.topology.acknowledged(t.Context(), address, 1)
		return errors.Is(err, errPreferred)
	}, generous, 10*time.Millisecond)
	short := time.Now().Add(1500 * time.Millisecond)
	for time.Now().Before(short) {
		mine, err := db.topology.replication(t.Context(), address)
		require.NoError(t, err)
		theirs, err := db.topology.replication(t.Context(), a.Process(behind).Addr())
		require.NoError(t, err)
		require.True(t, preferred(mine, theirs), "%v and %v", mine["master_repl_offset"], theirs["slave_repl_offset"])
	}

	require.NoError(t, a.Process(behind).Kill())
	_, err = db.Commit(t.Context(), counting(unique("counter"), 99, request(unique("again"))))
	require.NoError(t, err, "a replica that is gone cannot be preferred")
}
