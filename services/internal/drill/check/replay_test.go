package check

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
)

// TestEachKeptHistoryIsJudgedAsItsNameSays replays the histories in testdata. The
// name of a file begins with the rules that it breaks, joined by a plus, or with
// "sound": lost-primary-crash.json.gz, lost+linearizable-rolled-back.json.gz. A
// run's kept history goes here when the judge, or the shop, is mended for it.
func TestEachKeptHistoryIsJudgedAsItsNameSays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json.gz")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			h, err := history.Load(file)
			require.NoError(t, err)
			v := Check(h)
			require.ElementsMatch(t, rulesNamed(t, filepath.Base(file)), rules(v), "%v", v.Violations)
		})
	}
}

// rulesNamed reads the rules from a file's name.
func rulesNamed(t *testing.T, name string) []string {
	t.Helper()
	if strings.HasPrefix(name, "sound-") {
		return nil
	}
	var found []string
	for rest := name; ; {
		rule := ""
		for _, r := range everyRule() {
			if after, is := strings.CutPrefix(rest, r); is && (after[0] == '+' || after[0] == '-') && len(r) > len(rule) {
				rule = r
			}
		}
		require.NotEmpty(t, rule, "the name of %s does not begin with rules", name)
		found = append(found, rule)
		if rest = rest[len(rule):]; rest[0] == '-' {
			return found
		}
		rest = rest[1:]
	}
}

func everyRule() []string {
	return []string{RuleLost, RuleDuplicated, RuleStock, RuleNegative, RuleKey, RuleVersion, RuleOwnWrites, RuleAge, RuleLinearizable, RuleUndecided,
		RuleCrossing, RuleField, RuleExpiry, RuleUnshown}
}
