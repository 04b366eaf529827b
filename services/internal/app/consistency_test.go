package app

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	history = "0123456789abcdef"
	foreign = "fedcba9876543210"
)

// tokensAt makes tokens as a replica does that knows which layout is in force.
func tokensAt(layout int, history string, only bool) tokens {
	at := func(from int) func() bool { return func() bool { return layout >= from } }
	return tokens{
		secret: []byte("secret"), signed: at(2), named: at(3), history: func() string { return history },
		only: func() bool { return only },
	}
}

func TestATokenIsTakenInTheFormsThatClientsMayHold(t *testing.T) {
	signed, named := tokensAt(2, history, false).issue(7), tokensAt(3, history, false).issue(7)
	for _, row := range []struct {
		name    string
		layout  int
		only    bool
		issued  string
		taken   []string
		refused []string
	}{
		{"before signed tokens", 1, false, `^7$`, []string{"7", signed, named}, []string{"07", "0", "-1", "", "2.7", "2.7.x", "3.7.x"}},
		{"while both forms are held", 2, false, `^2\.7\.[\w-]{16}$`, []string{"7", signed, named}, []string{"2.7.AAAAAAAAAAAAAAAA"}},
		{
			"with a history", 3, true, `^3\.` + history + `\.7\.[\w-]{16}$`, []string{signed, named},
			[]string{"7", "2.7.AAAAAAAAAAAAAAAA", "2." + named[2:], "3." + signed[2:], "3." + foreign + named[18:], named + "A", "3..", "3."},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			tokens := tokensAt(row.layout, history, row.only)
			require.Regexp(t, row.issued, tokens.issue(7))
			for _, token := range append(row.taken, tokens.issue(7)) {
				asked, ours := tokens.read(token)
				require.True(t, ours, token)
				require.Equal(t, claim{seq: 7}, asked, token)
			}
			for _, token := range row.refused {
				_, ours := tokens.read(token)
				require.False(t, ours, token)
			}
		})
	}
}

func TestATokenOfAnotherHistoryIsForeignWhateverLayoutIsInForce(t *testing.T) {
	token := tokensAt(3, foreign, true).issue(7)
	for layout := 1; layout <= 3; layout++ {
		asked, ours := tokensAt(layout, history, false).read(token)
		require.True(t, ours)
		require.True(t, asked.foreign)
	}
}

func TestAReplicaThatDoesNotKnowItsHistoryYetIssuesNoTokenWithOne(t *testing.T) {
	require.Regexp(t, `^2\.7\.`, tokensAt(3, "", true).issue(7))
}
