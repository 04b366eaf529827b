package redisdb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Which of two Sentinels of one epoch is right cannot be told, so one acknowledgement is not enough.
func TestAnotherSentinelOfEqualEpochDisputesThePrimary(t *testing.T) {
	const mine, other = "mine", "other"
	agrees := testimony{primary: mine, epoch: 2, flags: "master"}
	equal := testimony{primary: other, epoch: 2, flags: "master"}
	for name, said := range map[string][]testimony{
		"the other one answers first": {equal, agrees}, "the other one answers last": {agrees, equal},
		"two against one": {agrees, agrees, equal},
	} {
		require.ErrorIs(t, undisputed(said, mine), errPromoted, name)
	}
	older := equal
	older.epoch = 1
	require.NoError(t, undisputed([]testimony{older, agrees}, mine), "one that is behind disputes nothing")
}

func TestASentinelThatPromotesIsBelievedBeforeOneOfEqualEpoch(t *testing.T) {
	behind := testimony{primary: "a", epoch: 1, known: []string{"a", "b"}}
	promoting := testimony{primary: "b", epoch: 1, promoted: true, known: []string{"a", "b"}}
	for name, said := range map[string][]testimony{
		"first": {promoting, behind, behind}, "in between": {behind, promoting, behind}, "last": {behind, behind, promoting},
	} {
		require.Equal(t, "b", merge(said, &view{primary: "a"}).primary, name)
	}
}

// A node is promoted by hand, so that both sides of a promotion can be asked for as long as that takes; to the
// Sentinels the old primary is the primary all the while.
func TestAPromotedNodesAncestorIsNoRivalAndTheSentinelsAreAskedToo(t *testing.T) {
	db := open(t, generous)
	old, promoted := nodes.Process(mustPrimary(t)), eachReplica(t)[0]
	_, err := nodes.Redis(t.Context(), promoted.Name(), "REPLICAOF", "NO", "ONE")
	require.NoError(t, err)
	defer follow(t, promoted.Name(), old.Addr())

	after, err := db.topology.replication(t.Context(), promoted.Addr())
	require.NoError(t, err)
	require.NoError(t, db.topology.rival(t.Context(), promoted.Addr(), old.Addr(), after), "it was promoted over that one")
	before, err := db.topology.replication(t.Context(), old.Addr())
	require.NoError(t, err)
	require.ErrorIs(t, db.topology.rival(t.Context(), old.Addr(), promoted.Addr(), before), errPromoted, "the one promoted over")

	_, err = db.topology.acknowledged(t.Context(), promoted.Addr(), 1)
	require.ErrorIs(t, err, errPromoted, "no node speaks against it, but the Sentinels name another")
}
