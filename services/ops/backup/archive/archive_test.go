package archive_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/target"
)

const manifestText = "file appendonly.aof.3.base.rdb seq 3 type b\nfile appendonly.aof.7.incr.aof seq 7 type i\n"

// backup is a chain in a directory, with what it was made from.
type backup struct {
	t     *testing.T
	dir   string
	store target.Store
	id    string
	key   *age.X25519Identity
	files map[string]string
}

// newBackup writes a chain: a manifest, a base in two segments, an increment in one, and two
// segments that were shipped later.
func newBackup(t *testing.T, dir string) backup {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return newBackupOf(t, dir, archive.NewChain(time.Now()), key, "first")
}

func newBackupOf(t *testing.T, dir, id string, key *age.X25519Identity, content string) backup {
	t.Helper()
	store, err := target.OpenDirectory(dir)
	require.NoError(t, err)
	made := backup{t: t, dir: dir, store: store, id: id, key: key, files: map[string]string{}}
	sealer := archive.NewSealer(made.id, 4, []age.Recipient{key.Recipient()})
	full := archive.Full{Format: archive.Format, Chain: made.id, Segments: 4}
	for i, piece := range []struct{ file, text string }{
		{archive.ManifestName, manifestText},
		{"appendonly.aof.3.base.rdb", "REDIS0011 " + content + rand.Text()},
		{"appendonly.aof.3.base.rdb", strings.Repeat(content, 1000)},
		{"appendonly.aof.7.incr.aof", ""},
		{"appendonly.aof.7.incr.aof", "*1\r\n$4\r\nPING\r\n"},
		{"appendonly.aof.7.incr.aof", content + rand.Text()},
	} {
		var sealed bytes.Buffer
		sidecar, err := sealer.Seal(&sealed,
			archive.Piece{File: piece.file, Offset: int64(len(made.files[piece.file])), Length: int64(len(piece.text))},
			archive.State{Sequence: int64(100 + i), HeartbeatMillis: int64(1000 * i), History: "0123456789abcdef", Schema: "3"},
			strings.NewReader(piece.text))
		require.NoError(t, err)
		require.NoError(t, archive.PutSegment(t.Context(), store, sidecar, &sealed))
		require.NoError(t, archive.PutSidecar(t.Context(), store, sidecar))
		if i == 3 {
			require.NoError(t, archive.PutFull(t.Context(), store, full))
		}
		made.files[piece.file] += piece.text
	}
	return made
}

// path is where a file of the chain is.
func (b backup) path(name string) string { return filepath.Join(b.dir, b.id, name) }

// extract restores the newest chain of the directory into a new directory.
func (b backup) extract(t *testing.T, key age.Identity) (archive.Contents, string, error) {
	t.Helper()
	chains, err := archive.List(t.Context(), b.store)
	require.NoError(t, err)
	dir := t.TempDir()
	for _, chain := range chains {
		if chain.ID == b.id {
			contents, err := archive.Extract(t.Context(), b.store, chain, []age.Identity{key}, dir)
			return contents, dir, err
		}
	}
	t.Fatal("the chain is not listed")
	return archive.Contents{}, "", nil
}

// refused asserts that the chain is refused for a reason, and that nothing is left.
func (b backup) refused(t *testing.T, key age.Identity, reason error) {
	t.Helper()
	_, dir, err := b.extract(t, key)
	require.ErrorIs(t, err, reason)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "a refused backup leaves nothing")
}

func TestAChainIsExtractedAsItWas(t *testing.T) {
	t.Parallel()
	made := newBackup(t, t.TempDir())
	contents, dir, err := made.extract(t, made.key)
	require.NoError(t, err)
	for file, text := range made.files {
		got, err := os.ReadFile(filepath.Join(dir, "appendonlydir", file))
		require.NoError(t, err)
		require.Equal(t, text, string(got), file)
	}
	require.Equal(t, []string{"appendonly.aof.3.base.rdb", "appendonly.aof.7.incr.aof"}, contents.Manifest.Files())
	require.EqualValues(t, 100, contents.First.Sequence)
	require.EqualValues(t, 105, contents.Last.Sequence)
	require.Equal(t, 6, contents.Segments)
}

func TestAListSaysWhatATargetHas(t *testing.T) {
	t.Parallel()
	made := newBackup(t, t.TempDir())
	require.NoError(t, archive.PutVerified(t.Context(), made.store, archive.Verified{Chain: made.id, Sequence: 103}))
	chains, err := archive.List(t.Context(), made.store)
	require.NoError(t, err)
	require.Len(t, chains, 1)
	require.True(t, chains[0].Complete())
	require.Equal(t, 6, chains[0].Segments)
	require.EqualValues(t, 105, chains[0].Last.Sequence)
	require.EqualValues(t, 103, chains[0].Verified.Sequence)
	require.Empty(t, chains[0].Ignored)

	require.NoError(t, archive.Delete(t.Context(), made.store, chains[0]))
	left, err := os.ReadDir(made.dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func flip(at int) func([]byte) []byte {
	return func(text []byte) []byte {
		text[(at+len(text))%len(text)] ^= 1
		return text
	}
}

func TestDamageIsRefusedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		damage func(backup)
		reason error
	}{
		"a flipped byte in the middle": {func(b backup) { b.edit("00002.seg.age", flip(300)) }, archive.ErrDamaged},
		"a flipped byte at the begin":  {func(b backup) { b.edit("00002.seg.age", flip(0)) }, archive.ErrDamaged},
		"a flipped byte at the end":    {func(b backup) { b.edit("00005.seg.age", flip(-1)) }, archive.ErrDamaged},
		"a truncated file": {func(b backup) { b.edit("00001.seg.age", func(x []byte) []byte { return x[:250] }) },
			archive.ErrDamaged},
		"an empty file": {func(b backup) { b.edit("00001.seg.age", func([]byte) []byte { return nil }) },
			archive.ErrDamaged},
		"a file that is longer by one": {func(b backup) { b.edit("00001.seg.age", func(x []byte) []byte { return append(x, 0) }) },
			archive.ErrDamaged},
		"a file that is much longer": {func(b backup) {
			b.edit("00001.seg.age", func(x []byte) []byte { return append(x, make([]byte, 1e6)...) })
		}, archive.ErrDamaged},
		"a missing segment":              {func(b backup) { b.remove("00002.seg.age") }, archive.ErrMissing},
		"a missing segment with sidecar": {func(b backup) { b.remove("00004.json") }, archive.ErrMissing},
		"no chain.json":                  {func(b backup) { b.remove("chain.json") }, archive.ErrIncomplete},
		"two files swapped": {func(b backup) {
			for _, end := range []string{".seg.age", ".json"} {
				b.swap("00001"+end, "00002"+end)
			}
		}, archive.ErrMixed},
		"two files swapped, and their sidecars' numbers, too": {func(b backup) {
			for _, end := range []string{".seg.age", ".json"} {
				b.swap("00001"+end, "00002"+end)
			}
			b.edit("00001.json", replace(`"index":2`, `"index":1`))
			b.edit("00002.json", replace(`"index":1`, `"index":2`))
		}, archive.ErrMixed},
		"a sidecar that tells another sequence": {func(b backup) {
			b.edit("00005.json", replace(`"sequence":105`, `"sequence":999`))
		}, archive.ErrMixed},
		"a sidecar that is no JSON": {func(b backup) { b.edit("00003.json", flip(0)) }, nil},
		"a sidecar of another form": {func(b backup) { b.edit("00003.json", replace(`"format":1`, `"format":2`)) }, archive.ErrFormat},
		"a chain of another form":   {func(b backup) { b.edit("chain.json", replace(`"format":1`, `"format":2`)) }, archive.ErrFormat},
		"a chain with no size": {func(b backup) { b.edit("chain.json", replace(`"segments":4`, `"segments":0`)) },
			archive.ErrDamaged},
		"a sidecar without an end": {func(b backup) { b.edit("00003.json", func([]byte) []byte { return bytes.Repeat([]byte(" "), 1e6) }) },
			nil},
		"a sidecar with a huge size": {func(b backup) { b.edit("00003.json", replace(`"data_bytes":0`, `"data_bytes":99999999999999`)) },
			archive.ErrDamaged},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := newBackup(t, t.TempDir())
			c.damage(made)
			if c.reason != nil {
				made.refused(t, made.key, c.reason)
				return
			}
			_, dir, err := made.extract(t, made.key)
			require.ErrorContains(t, err, "00003.json")
			require.NoDirExists(t, filepath.Join(dir, "appendonlydir"))
		})
	}
}

func replace(from, to string) func([]byte) []byte {
	return func(text []byte) []byte { return bytes.ReplaceAll(text, []byte(from), []byte(to)) }
}

// edit, remove and swap change files of the chain.
func (b backup) edit(name string, change func([]byte) []byte) {
	text, err := os.ReadFile(b.path(name))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(b.path(name), change(text), 0o600))
}

func (b backup) remove(name string) { require.NoError(b.t, os.Remove(b.path(name))) }

func (b backup) swap(one, two string) {
	other := b.path(one) + ".other"
	require.NoError(b.t, os.Rename(b.path(one), other))
	require.NoError(b.t, os.Rename(b.path(two), b.path(one)))
	require.NoError(b.t, os.Rename(other, b.path(two)))
}

func TestAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	made := newBackup(t, t.TempDir())
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	made.refused(t, other, archive.ErrWrongKey)
}

func TestFilesOfTwoBackupsMixedAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := newBackup(t, dir)
	two := newBackupOf(t, dir, archive.NewChain(time.Now()), one.key, "other")
	for index := range 6 {
		for _, relabelled := range []bool{false, true} {
			t.Run(fmt.Sprintf("segment %d, sidecar relabelled: %t", index, relabelled), func(t *testing.T) {
				mixed := copyOf(t, one)
				segment, sidecar := fmt.Sprintf("%05d.seg.age", index), fmt.Sprintf("%05d.json", index)
				bring(t, two.path(segment), mixed.path(segment), replace("", ""))
				if relabelled {
					bring(t, two.path(sidecar), mixed.path(sidecar), replace(two.id, one.id))
				} else {
					bring(t, two.path(sidecar), mixed.path(sidecar), replace("", ""))
				}
				mixed.refused(t, one.key, archive.ErrMixed)
			})
		}
	}
}

func TestABackupUnderTheNameOfAnotherIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := newBackup(t, dir)
	two := newBackupOf(t, dir, archive.NewChain(time.Now()), one.key, "other")
	for index := range 6 {
		for _, end := range []string{".seg.age", ".json"} {
			name := fmt.Sprintf("%05d%s", index, end)
			bring(t, two.path(name), one.path(name), replace(two.id, one.id))
		}
	}
	one.refused(t, one.key, archive.ErrMixed)
}

func TestASegmentThatDoesNotFollowTheOneBeforeIsRefusedThoughItSaysSo(t *testing.T) {
	t.Parallel()
	one := newBackup(t, t.TempDir())
	same := newBackupOf(t, t.TempDir(), one.id, one.key, "first")
	for _, end := range []string{".seg.age", ".json"} {
		bring(t, same.path("00002"+end), one.path("00002"+end), replace("", ""))
	}
	one.refused(t, one.key, archive.ErrMixed)
}

// copyOf copies a chain into a directory of its own.
func copyOf(t *testing.T, b backup) backup {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, b.id), os.DirFS(filepath.Join(b.dir, b.id))))
	store, err := target.OpenDirectory(dir)
	require.NoError(t, err)
	b.dir, b.store = dir, store
	return b
}

func bring(t *testing.T, from, to string, change func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, change(text), 0o600))
}

func TestASegmentWithoutSidecarIsIgnoredWithAMessage(t *testing.T) {
	t.Parallel()
	made := newBackup(t, t.TempDir())
	require.NoError(t, os.Remove(made.path("00005.json")))
	chains, err := archive.List(t.Context(), made.store)
	require.NoError(t, err)
	require.Len(t, chains[0].Ignored, 1)
	require.Contains(t, chains[0].Ignored[0], "00005.seg.age")
	contents, _, err := made.extract(t, made.key)
	require.NoError(t, err)
	require.EqualValues(t, 104, contents.Last.Sequence)
}

func TestWhatIsBeforeADamagedSegmentCanBeExtracted(t *testing.T) {
	t.Parallel()
	made := newBackup(t, t.TempDir())
	require.NoError(t, os.Remove(made.path("00004.json")))
	chains, err := archive.List(t.Context(), made.store)
	require.NoError(t, err)
	contents, err := archive.Extract(t.Context(), made.store, chains[0].Until(4), []age.Identity{made.key}, t.TempDir())
	require.NoError(t, err)
	require.EqualValues(t, 103, contents.Last.Sequence)
	_, err = archive.Extract(t.Context(), made.store, chains[0].Until(3), []age.Identity{made.key}, t.TempDir())
	require.ErrorIs(t, err, archive.ErrIncomplete)
}

func TestTheDamageOfOneChainDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := newBackup(t, dir), newBackup(t, dir)
	require.NoError(t, os.WriteFile(one.path("chain.json"), []byte("{"), 0o600))
	chains, err := archive.List(t.Context(), two.store)
	require.NoError(t, err)
	require.Len(t, chains, 2)
	for _, chain := range chains {
		require.Equal(t, chain.ID == two.id, chain.Complete())
	}
}

func TestAnExtractionOverwritesNothing(t *testing.T) {
	t.Parallel()
	made, dir := newBackup(t, t.TempDir()), t.TempDir()
	kept := filepath.Join(dir, "appendonlydir", "kept")
	require.NoError(t, os.Mkdir(filepath.Dir(kept), 0o700))
	require.NoError(t, os.WriteFile(kept, []byte("kept"), 0o600))
	chains, err := archive.List(t.Context(), made.store)
	require.NoError(t, err)
	_, err = archive.Extract(t.Context(), made.store, chains[0], []age.Identity{made.key}, dir)
	require.ErrorIs(t, err, archive.ErrNotEmpty)
	require.FileExists(t, kept)
}

func TestADamagedIncrementLeavesWhatCameBeforeItUsable(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		damage func(b backup)
		reason error
		used   int
	}{
		"an increment is missing":            {func(b backup) { b.remove("00004.seg.age") }, archive.ErrMissing, 4},
		"the last increment is missing":      {func(b backup) { b.remove("00005.seg.age") }, archive.ErrMissing, 5},
		"a sidecar is missing":               {func(b backup) { b.remove("00004.json") }, archive.ErrMissing, 4},
		"an increment is damaged":            {func(b backup) { b.edit("00004.seg.age", flip(-1)) }, archive.ErrDamaged, 4},
		"the last increment is damaged":      {func(b backup) { b.edit("00005.seg.age", flip(-1)) }, archive.ErrDamaged, 5},
		"a sidecar is damaged":               {func(b backup) { b.edit("00004.json", flip(0)) }, archive.ErrDamaged, 4},
		"the last sidecar is damaged":        {func(b backup) { b.edit("00005.json", flip(0)) }, archive.ErrDamaged, 5},
		"a segment of the full one is gone":  {func(b backup) { b.remove("00002.seg.age") }, archive.ErrMissing, 0},
		"a segment of the full one is wrong": {func(b backup) { b.edit("00003.seg.age", flip(-1)) }, archive.ErrDamaged, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := newBackup(t, t.TempDir())
			c.damage(made)
			made.refused(t, made.key, c.reason)
			chains, err := archive.List(t.Context(), made.store)
			require.NoError(t, err)
			dir := t.TempDir()
			contents, err := archive.Extract(t.Context(), made.store, chains[0], []age.Identity{made.key}, dir, archive.Usable())
			if c.used == 0 {
				require.ErrorIs(t, err, c.reason)
				return
			}
			require.NoError(t, err)
			require.ErrorIs(t, contents.Ended, c.reason)
			require.Equal(t, c.used, contents.Segments)
			require.EqualValues(t, 99+c.used, contents.Last.Sequence)
			text, err := os.ReadFile(filepath.Join(dir, "appendonlydir", "appendonly.aof.7.incr.aof"))
			require.NoError(t, err)
			whole := made.files["appendonly.aof.7.incr.aof"]
			require.True(t, strings.HasPrefix(whole, string(text)))
			require.Len(t, text, []int{0, 14}[c.used-4])
		})
	}
}
