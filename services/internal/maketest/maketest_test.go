package maketest

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// said is what a command prints that is run at the repository's root, and whether it succeeds.
func said(t *testing.T, command ...string) (out string, succeeded bool) {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	run := exec.CommandContext(t.Context(), command[0], command[1:]...)
	run.Dir = root
	text, err := run.CombinedOutput()
	return string(text), err == nil
}

func lastLines(text string, n int) []string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return lines[max(0, len(lines)-n):]
}

func TestMakeTestFailsAtOnceWhenAPatternOfFilesMatchesNone(t *testing.T) {
	for _, variable := range []string{"DRILL_TEST_FILES", "DRILL_TESTS"} {
		// -o: what the tests need is here, for they run.
		out, succeeded := said(t, "make", "-o", "test-deps", "test", variable+"=")
		require.False(t, succeeded, variable)
		texttest.Contains(t, out, "run-tests: drill: the pattern of -run is empty\n")
		texttest.Contains(t, out, "test: 0 passed, 1 failed, 0 skipped\n")
		texttest.NotContains(t, out, "DONE", "a test has run")
	}
}

func TestMakeTestFailsWhenItRunsNoTest(t *testing.T) {
	out, succeeded := said(t, "make", "-o", "test-deps", "test", "TEST=./services/bench")
	require.False(t, succeeded)
	texttest.Contains(t, out, "run-tests: untagged: no test in ./services/bench\n")
	texttest.Contains(t, out, "tests: untagged: 0 passed, 0 failed, 0 skipped\ntest: 0 passed, 1 failed, 0 skipped\n")
}

func TestThePatternOfRunHasToFindATestInEachPackageAndWithEachPart(t *testing.T) {
	const here, other = "./services/internal/texttest", "./services/internal/money"
	for name, row := range map[string]struct {
		arguments []string
		says      []string
	}{
		"a part that fits no test": {
			[]string{"-run", "^(TestABriefText|TestThatWasRenamed)$", here},
			[]string{`no test fits "TestThatWasRenamed"`},
		},
		"a package without such a test": {
			[]string{"-run", "TestABriefText", here, other},
			[]string{`evergreen/services/internal/money has no test that fits "TestABriefText"`},
		},
		"an empty part": {[]string{"-run", "TestABriefText|", here}, []string{`no test fits ""`}},
		"no package":    {[]string{"-run", "TestABriefText"}, []string{"no package is named"}},
		"no such package": {
			[]string{"./services/internal/there-is-no-such-package"},
			[]string{"no test in ./services/internal/there-is-no-such-package"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, succeeded := said(t, append([]string{"scripts/run-tests", "some"}, row.arguments...)...)
			require.False(t, succeeded)
			for _, part := range row.says {
				texttest.Contains(t, out, "run-tests: some: "+part+"\n")
			}
			texttest.Contains(t, out, "1 failed, 0 skipped\n")
		})
	}
}

func TestTheLastLinesCountTheTestsOfEachName(t *testing.T) {
	out, succeeded := said(t, "scripts/run-tests", "untagged", "-count=1", "-run", "TestABriefText", "./services/internal/texttest",
		"--and", "drill", "-tags", "drill", "-run", "^(TestABriefText|TestWhatIs)", "./services/internal/texttest")
	require.True(t, succeeded, texttest.Brief(out))
	require.Equal(t, []string{
		"tests: untagged: 1 passed, 0 failed, 0 skipped",
		"tests: drill: 2 passed, 0 failed, 0 skipped",
		"test: 3 passed, 0 failed, 0 skipped",
	}, lastLines(out, 3))
}
