package attack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

func TestEveryClassHasAControlAndStandsInThePage(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "attacks.md"))
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, c := range Classes() {
		require.Regexp(t, `^[a-z0-9-]+$`, c.Name)
		require.False(t, seen[c.Name], c.Name)
		seen[c.Name] = true
		require.NotEmpty(t, c.Title, c.Name)
		require.NotEmpty(t, c.Resource, c.Name)
		require.NotNil(t, c.Attack, c.Name)
		require.Positive(t, c.Lasts, c.Name)
		require.NotEmpty(t, c.Control.Rules, "%s: the control of a class names the rules that it breaks", c.Name)
		require.False(t, c.Control.Weakness == "" && c.Control.Prepare == nil && c.Control.Settings == nil, "%s: its control takes nothing out", c.Name)
		texttest.Contains(t, string(page), "| `"+c.Name+"` |")
	}
}

func TestTheShortFormHasSomeClassesAndControls(t *testing.T) {
	classes, controls := 0, 0
	for _, r := range plan(Options{Command: "attack-short"}) {
		if r.control {
			controls++
		} else {
			classes++
		}
		require.NotNil(t, r.class.Short)
		require.Equal(t, r.class.Short.Lasts, r.class.Lasts)
	}
	require.Positive(t, classes)
	require.Positive(t, controls)
}

func TestACommandIsForTheClassesThatAreNamed(t *testing.T) {
	o, err := Parse([]string{"-class", "user-rate", "attack-controls"}, t.Output())
	require.NoError(t, err)
	require.Len(t, plan(o), 1)
	require.True(t, plan(o)[0].control)
	for _, args := range [][]string{{"-class", "no-such-class", "attack"}, {"run"}, {}, {"attack", "attack"}} {
		_, err := Parse(args, t.Output())
		require.Error(t, err, args)
	}
	require.True(t, IsCommand([]string{"-class", "x", "attack-short"}))
	require.False(t, IsCommand([]string{"-fault", "attack", "run"}))
	require.False(t, IsCommand(nil))
}

func TestFlagsSetByTheMakefileAreRead(t *testing.T) {
	o, err := Parse([]string{"-class", "user-rate", "-results", "elsewhere", "attack"}, t.Output())
	require.NoError(t, err)
	require.Equal(t, Options{Command: "attack", Classes: []string{"user-rate"}, Results: "elsewhere"}, o)
}
