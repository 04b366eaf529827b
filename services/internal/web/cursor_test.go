package web

import (
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/fault"
)

const someID = "01934f4e-6c5a-7b3e-9d52-0a4f8c7b6e22"

func cursorsAt(history string, short, only bool) Cursors {
	is := func(b bool) func() bool { return func() bool { return b } }
	return Cursors{History: func() string { return history }, Short: is(short), Only: is(only)}
}

func TestACursorIsOfItsHistoryAndOfBothFormsUntilNoClientHoldsTheOldOne(t *testing.T) {
	before, now := cursorsAt("0123456789abcdef", false, false), cursorsAt("0123456789abcdef", true, true)
	old, short := before.issue(someID), now.issue(someID)
	require.Len(t, old, 48)
	require.Len(t, short, 32)
	require.Equal(t, old, Cursors{}.issue(someID))
	require.Equal(t, old, cursorsAt("", true, true).issue(someID), "a replica that knows no history yet")
	for name, row := range map[string]struct {
		cursors Cursors
		cursor  string
		code    string
	}{
		"the old form before the layout":   {before, old, ""},
		"the short form before the layout": {before, short, ""},
		"the short form":                   {now, short, ""},
		"the old form for a while":         {cursorsAt("0123456789abcdef", true, false), old, ""},
		"the old form afterwards":          {now, old, "cursor-outdated"},
		"the short form after a restore":   {cursorsAt("fedcba9876543210", true, true), short, "cursor-outdated"},
		"the short form without a history": {Cursors{}, short, "cursor-outdated"},
		"another length":                   {now, short[:28], "bad-parameter"},
		"no text of base64":                {now, short[:31] + "!", "bad-parameter"},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := row.cursors.read(row.cursor)
			if row.code == "" {
				require.NoError(t, err)
				require.Equal(t, someID, id)
				return
			}
			require.Equal(t, row.code, fault.As(err).Code)
		})
	}
}
