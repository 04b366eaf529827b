package redisdb

import (
	"testing"

	"github.com/stretchr/testify/require"
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
