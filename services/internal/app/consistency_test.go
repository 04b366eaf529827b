package app

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATokenIsTakenInTheFormsThatClientsMayHold(t *testing.T) {
	for _, row := range []struct {
		name         string
		signed, only bool
		taken        []string
		refused      []string
	}{
		{"before signed tokens", false, false, []string{"7"}, []string{"07", "0", "-1", "", "2.7", "2.7.x"}},
		{"while both forms are held", true, false, []string{"7"}, []string{"2.7.AAAAAAAAAAAAAAAA"}},
		{"afterwards", true, true, nil, []string{"7", "2.7.AAAAAAAAAAAAAAAA"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			tokens := tokens{secret: []byte("secret"), signed: func() bool { return row.signed }, only: func() bool { return row.only }}
			for _, token := range append(row.taken, tokens.issue(7)) {
				seq, ours := tokens.read(token)
				require.True(t, ours, token)
				require.EqualValues(t, 7, seq, token)
			}
			for _, token := range row.refused {
				_, ours := tokens.read(token)
				require.False(t, ours, token)
			}
		})
	}
}
