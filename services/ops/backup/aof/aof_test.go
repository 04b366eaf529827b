package aof

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// say is a command as Redis writes it.
func say(words ...string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(word), word)
	}
	return text.String()
}

// write is what a write script leaves: the change and its event.
func write(millis int, key string) string {
	return say("MULTI") + say("SET", key, strings.Repeat("v", 300)) +
		say("XADD", "evg:events", "MAXLEN", "=", "100000", fmt.Sprint(millis, "-0"), "kind", "k") + say("EXEC")
}

func commit() string { return say("incr", "evg:commit:seq") }

func beat(millis int) string { return say("SET", "evg:heartbeat", fmt.Sprint(millis)) }

// directory has a base and these increments.
func directory(t *testing.T, increments ...string) (dir string, f *Files) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, folder), 0o755))
	put := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, folder, name), []byte(text), 0o600))
	}
	put("a.aof.1.base.rdb", "REDIS0010")
	manifest := "file a.aof.1.base.rdb seq 1 type b\n"
	for i, text := range increments {
		name := fmt.Sprintf("a.aof.%d.incr.aof", i+1)
		put(name, text)
		manifest += fmt.Sprintf("file %s seq %d type i\n", name, i+1)
	}
	put("a.aof.manifest", manifest)
	f, err := Open(dir)
	require.NoError(t, err)
	return dir, f
}

// left is what the increments of a directory hold.
func left(t *testing.T, dir string) []string {
	t.Helper()
	f, err := Open(dir)
	require.NoError(t, err)
	var texts []string
	for _, incr := range f.incrs {
		text, err := os.ReadFile(filepath.Join(f.dir, incr.name))
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	return texts
}

func TestWhatComesAfterTheLastWholeTransactionIsCutOff(t *testing.T) {
	t.Parallel()
	first, second := write(1000, "a")+commit(), beat(2000)+write(2500, "b")
	for length := range len(second) + 1 {
		dir, f := directory(t, first, second[:length])
		content, err := f.Trim()
		require.NoError(t, err)
		require.EqualValues(t, 1, content.Commits)
		switch {
		case length == len(second):
			require.Equal(t, []string{first, second}, left(t, dir))
			require.EqualValues(t, 2500, content.LastMillis)
		case length >= len(beat(2000)):
			require.Equal(t, []string{first, beat(2000)}, left(t, dir), "of %d bytes", length)
		case length > 0:
			require.Equal(t, first, strings.Join(left(t, dir), ""), "of %d bytes", length)
		}
	}
}

func TestAnIncrementThatAnotherFollowsHasToBeWhole(t *testing.T) {
	t.Parallel()
	whole := write(1000, "a")
	_, f := directory(t, whole[:len(whole)-3], write(2000, "b"))
	_, err := f.Trim()
	require.ErrorIs(t, err, ErrCutOff)
}

func TestACutAtACommitEndsRightAfterIt(t *testing.T) {
	t.Parallel()
	parts := []string{write(1000, "a"), commit(), write(1500, "b") + commit(), beat(2000), write(2500, "c") + commit()}
	all := strings.Join(parts, "")
	for sequence, want := range map[int64][]string{
		40: {""},
		41: {parts[0] + parts[1]},
		42: {parts[0] + parts[1] + parts[2]},
		43: {all},
		44: {all, commit()},
	} {
		dir, f := directory(t, all, commit()+beat(2600))
		require.NoError(t, f.CutAtCommit(sequence, 40))
		require.Equal(t, want, left(t, dir), "commit %d", sequence)
	}
	for _, sequence := range []int64{39, 45} {
		dir, f := directory(t, all, commit()+beat(2600))
		err := f.CutAtCommit(sequence, 40)
		require.ErrorIs(t, err, ErrOutside)
		require.ErrorContains(t, err, "40 to 44")
		require.Equal(t, []string{all, commit() + beat(2600)}, left(t, dir), "nothing was cut")
	}
}

func TestACutAtAMomentHasEverythingBeforeItAndNothingAfter(t *testing.T) {
	t.Parallel()
	parts := []string{beat(1000), write(1200, "a") + commit(), beat(2000), write(2300, "b"), commit(), write(2300, "c"), beat(3000)}
	for millis, n := range map[int64]int{1000: 1, 1199: 1, 1200: 2, 1999: 2, 2299: 3, 2300: 6, 2999: 6, 3000: 7} {
		dir, f := directory(t, strings.Join(parts, ""))
		require.NoError(t, f.CutAtMoment(time.UnixMilli(millis)))
		require.Equal(t, strings.Join(parts[:n], ""), strings.Join(left(t, dir), ""), "at %d", millis)
	}
	for _, millis := range []int64{999, 3001} {
		_, f := directory(t, strings.Join(parts, ""))
		err := f.CutAtMoment(time.UnixMilli(millis))
		require.ErrorIs(t, err, ErrOutside)
		require.ErrorContains(t, err, "1970-01-01T00:00:01.000Z to 1970-01-01T00:00:03.000Z")
	}
}

func TestACommitThatTwoHistoriesHaveIsThatOfTheLast(t *testing.T) {
	t.Parallel()
	restored := say("SET", "evg:schema", "restoring") + say("MULTI") + say("FLUSHALL") + say("SET", "evg:schema", "restoring") +
		say("EXEC") + say("SET", "a", "b") + say("SET", "evg:commit:seq", "5")
	opened := say("SET", "evg:schema", "3")
	before, after := commit()+commit(), write(9000, "z")+commit()
	dir, f := directory(t, before+restored+opened+after+commit())
	require.NoError(t, f.CutAtCommit(6, 4))
	require.Equal(t, []string{before + restored + opened + after}, left(t, dir))
	dir, f = directory(t, before+restored+opened+after)
	require.NoError(t, f.CutAtCommit(5, 4))
	require.Equal(t, []string{before + restored + opened}, left(t, dir), "not before the shop was open again")
	_, f = directory(t, before+restored)
	require.ErrorIs(t, f.CutAtCommit(5, 4), ErrOutside, "a restore that was not ended")
}

func TestAMomentAtWhichARestoreWasUnderWayIsTheOneBeforeIt(t *testing.T) {
	t.Parallel()
	parts := []string{
		beat(1000),
		say("SET", "evg:schema", "restoring") + say("SET", "a", "b") + say("SET", "evg:schema", "3"),
		beat(3000),
		beat(3500),
	}
	for millis, n := range map[int64]int{1000: 1, 2500: 1, 3000: 3, 3499: 3, 3500: 4} {
		dir, f := directory(t, strings.Join(parts, ""))
		require.NoError(t, f.CutAtMoment(time.UnixMilli(millis)))
		require.Equal(t, strings.Join(parts[:n], ""), strings.Join(left(t, dir), ""), "at %d", millis)
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"other bytes":               commit() + "hello\r\n",
		"a count that is huge":      "*1\r\n$99999999999\r\n",
		"a negative count":          "*-1\r\n",
		"a count with a sign":       "*+1\r\n$1\r\na\r\n",
		"no words":                  "*0\r\n",
		"a word that is longer":     "*1\r\n$1\r\nab\r\n",
		"MULTI within MULTI":        say("MULTI") + say("MULTI"),
		"EXEC without MULTI":        say("EXEC"),
		"a line that does not end":  "*" + strings.Repeat("0", 100),
		"a flipped bit in a length": strings.Replace(write(1, "a"), "$300", "$301", 1) + commit(),
	} {
		_, f := directory(t, text)
		_, err := f.Scan()
		require.ErrorIs(t, err, ErrBroken, name)
	}
}

func TestManifestsThatLeadElsewhereAreRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"another directory": "file ../a.aof.1.incr.aof seq 1 type i\n",
		"a missing file":    "file b.aof.1.incr.aof seq 1 type i\n",
		"two bases":         "file a.aof.1.base.rdb seq 1 type b\nfile a.aof.1.base.rdb seq 2 type b\n",
		"an unknown type":   "file a.aof.1.base.rdb seq 1 type z\n",
		"the wrong order":   "file a.aof.1.incr.aof seq 2 type i\nfile a.aof.1.incr.aof seq 1 type i\n",
		"no line":           "hello\n",
	} {
		dir, _ := directory(t, commit())
		require.NoError(t, os.WriteFile(filepath.Join(dir, folder, "a.aof.manifest"), []byte(text), 0o600))
		_, err := Open(dir)
		require.ErrorIs(t, err, ErrBroken, name)
	}
}

// FuzzTransactions reads hostile bytes: each position that is found is a place where reading ends well.
func FuzzTransactions(f *testing.F) {
	f.Add(write(1000, "a") + commit() + beat(2000))
	f.Add(say("MULTI") + say("FLUSHALL"))
	f.Add("*1000000\r\n$500000000\r\nx")
	f.Add("#TS:1\r\n*1\r\n$4\r\nEXEC\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		var ends []int64
		_, err := transactions(newReader(strings.NewReader(text)), 0, func(tr transaction) (bool, error) {
			ends = append(ends, tr.end.Offset)
			return true, nil
		})
		last := int64(0)
		for _, end := range ends {
			require.Greater(t, end, last)
			last = end
		}
		require.LessOrEqual(t, last, int64(len(text)))
		if err != nil {
			require.True(t, isOurs(err), "%v", err)
		}
		n := 0
		more, err := transactions(newReader(strings.NewReader(text[:last])), 0, func(transaction) (bool, error) { n++; return true, nil })
		require.NoError(t, err)
		require.True(t, more)
		require.Len(t, ends, n)
	})
}

func isOurs(err error) bool { return errors.Is(err, ErrBroken) || errors.Is(err, ErrCutOff) }
