package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/target"
)

// forge writes a chain of one segment whose header and data someone chose who knows the public key.
func forge(t *testing.T, header archive.Header, plain func(archive.Header) []byte) backup {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	dir := t.TempDir()
	store, err := target.OpenDirectory(dir)
	require.NoError(t, err)
	forged := backup{dir: dir, store: store, id: archive.NewChain(time.Now()), key: key}
	header.Format, header.Chain, header.FullSegments = archive.Format, forged.id, 1
	sealed := encrypt(t, key, plain(header))
	sum := sha256.Sum256(sealed)
	sidecar := archive.Sidecar{
		Format: archive.Format, Chain: forged.id, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(sealed)), DataBytes: header.Length,
	}
	require.NoError(t, archive.PutSegment(t.Context(), store, sidecar, bytes.NewReader(sealed)))
	require.NoError(t, archive.PutSidecar(t.Context(), store, sidecar))
	require.NoError(t, archive.PutFull(t.Context(), store, archive.Full{Format: archive.Format, Chain: forged.id, Segments: 1}))
	return forged
}

func encrypt(t *testing.T, key *age.X25519Identity, plain []byte) []byte {
	t.Helper()
	var sealed bytes.Buffer
	encrypted, err := age.Encrypt(&sealed, key.Recipient())
	require.NoError(t, err)
	compressed, err := zstd.NewWriter(encrypted)
	require.NoError(t, err)
	_, err = compressed.Write(plain)
	require.NoError(t, err)
	require.NoError(t, compressed.Close())
	require.NoError(t, encrypted.Close())
	return sealed.Bytes()
}

// withData gives the plain text of a segment.
func withData(data []byte) func(archive.Header) []byte {
	return func(header archive.Header) []byte {
		line, _ := json.Marshal(header)
		return append(append(line, '\n'), data...)
	}
}

func TestAForgedSegmentIsRefusedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	data := []byte("data")
	cases := map[string]struct {
		header archive.Header
		plain  func(archive.Header) []byte
		says   string
	}{
		"a file outside": {
			archive.Header{File: "../../appendonly.aof.1.base.rdb", Length: 4},
			withData(data),
			"it names the file",
		},
		"an absolute path":    {archive.Header{File: "/etc/passwd", Length: 4}, withData(data), "it names the file"},
		"another file":        {archive.Header{File: "redis.conf", Length: 4}, withData(data), "it names the file"},
		"an offset in a hole": {archive.Header{File: archive.ManifestName, Offset: 1 << 40, Length: 4}, withData(data), "it continues"},
		"a bomb": {
			archive.Header{File: archive.ManifestName, Length: 4},
			withData(make([]byte, 200<<20)),
			"more data than its header says",
		},
		"less data than it says": {archive.Header{File: archive.ManifestName, Length: 40}, withData(data), "end early"},
		"a header without end": {
			archive.Header{Length: 4},
			func(archive.Header) []byte { return bytes.Repeat([]byte("{"), 1<<20) },
			"does not begin with a header",
		},
		"no header":         {archive.Header{Length: 4}, func(archive.Header) []byte { return nil }, "does not begin with a header"},
		"a negative length": {archive.Header{File: archive.ManifestName, Length: -4}, withData(data), "sizes cannot be"},
		"a manifest of nonsense": {
			archive.Header{File: archive.ManifestName, Length: 4},
			withData(data),
			"the manifest has a line of another form",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			forged := forge(t, c.header, c.plain)
			_, dir, err := forged.extract(t, forged.key)
			require.ErrorContains(t, err, c.says)
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestAManifestThatNamesOtherFilesIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"file ../x seq 1 type b\n", "file appendonly.aof.1.incr.aof seq 1 type x\n", "file appendonly.aof.manifest seq 1 type i\n",
		"file appendonly.aof.1.incr.aof seq one type i\n", "", "nonsense\n",
		"file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.1.base.rdb seq 1 type b\n",
	} {
		_, err := archive.ParseManifest(text)
		require.Error(t, err, text)
	}
	manifest, err := archive.ParseManifest(manifestText + "file appendonly.aof.2.base.rdb seq 2 type h\n")
	require.NoError(t, err)
	require.Equal(t, manifestText, manifest.Text(), "a file that Redis will delete is left out")
	ofRedis8 := strings.ReplaceAll(manifestText, "type i", "type i startoffset 12 endoffset 345")
	manifest, err = archive.ParseManifest(ofRedis8)
	require.NoError(t, err)
	require.Equal(t, manifestText, manifest.Text())
}

// lying is a target that says that it stored what it did not store.
type lying struct {
	target.Store
	change func([]byte) []byte
}

func (l lying) Put(ctx context.Context, name string, body io.Reader, _ int64) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if text = l.change(text); text == nil {
		return nil
	}
	return l.Store.Put(ctx, name, bytes.NewReader(text), int64(len(text)))
}

func TestATargetThatLiesIsFound(t *testing.T) {
	t.Parallel()
	store, err := target.OpenDirectory(t.TempDir())
	require.NoError(t, err)
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func([]byte) []byte
		reason error
	}{
		"it stores nothing":           {func([]byte) []byte { return nil }, archive.ErrMissing},
		"it stores half":              {func(text []byte) []byte { return text[:len(text)/2] }, archive.ErrDamaged},
		"it stores nothing but zeros": {func(text []byte) []byte { return make([]byte, len(text)) }, archive.ErrDamaged},
		"it is honest":                {func(text []byte) []byte { return text }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			sealer := archive.NewSealer(archive.NewChain(time.Now()), 1, []age.Recipient{key.Recipient()})
			var sealed bytes.Buffer
			sidecar, err := sealer.Seal(
				&sealed,
				archive.Piece{File: archive.ManifestName, Length: 4},
				archive.State{},
				strings.NewReader("data"),
			)
			require.NoError(t, err)
			require.NoError(t, archive.PutSegment(t.Context(), lying{store, c.change}, sidecar, &sealed))
			require.ErrorIs(t, archive.Check(t.Context(), store, sidecar), c.reason)
		})
	}
}

// smallDisk mounts a file system of some MiB.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("only root can mount a small disk: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func TestNoRoomIsSaidBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	made, dir := newBackup(t, t.TempDir()), smallDisk(t, "1m")
	chains, err := archive.List(t.Context(), made.store)
	require.NoError(t, err)
	_, err = archive.Extract(t.Context(), made.store, chains[0], []age.Identity{made.key}, dir)
	require.ErrorIs(t, err, archive.ErrNoRoom)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestATargetWithoutRoomKeepsNothingOfAFile(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "1m")
	store, err := target.OpenDirectory(dir)
	require.NoError(t, err)
	require.NoError(t, store.Put(t.Context(), "a/1", bytes.NewReader(make([]byte, 4096)), 4096))
	err = store.Put(t.Context(), "a/2", bytes.NewReader(make([]byte, 2<<20)), 2<<20)
	require.ErrorIs(t, err, unix.ENOSPC)
	listed, err := store.List(t.Context())
	require.NoError(t, err)
	require.Len(t, listed, 1)
	parts, err := filepath.Glob(filepath.Join(dir, ".part-*"))
	require.NoError(t, err)
	require.Empty(t, parts)
}

func TestAKeyOfTheWrongKindIsRefused(t *testing.T) {
	t.Parallel()
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	_, err = archive.ParseRecipients(key.String())
	require.ErrorContains(t, err, "private key")
	require.NotContains(t, err.Error(), key.String(), "a private key is not repeated")
	_, err = archive.ParseRecipients("age1nonsense")
	require.ErrorContains(t, err, "no public key")
	recipients, err := archive.ParseRecipients(key.Recipient().String() + ", " + key.Recipient().String())
	require.NoError(t, err)
	require.Len(t, recipients, 2)
	identities, err := archive.ParseIdentities(strings.NewReader("# a comment\n" + key.String() + "\n"))
	require.NoError(t, err)
	require.Len(t, identities, 1)
	_, err = archive.ParseIdentities(strings.NewReader("nonsense"))
	require.Error(t, err)
}

func TestASidecarThatATargetDoesNotHaveAsItWasPutIsFound(t *testing.T) {
	t.Parallel()
	made := newBackup(t, t.TempDir())
	chains, err := archive.List(t.Context(), made.store)
	require.NoError(t, err)
	last := chains[0].Last
	require.NoError(t, archive.CheckSidecar(t.Context(), made.store, last))
	other := last
	other.Sequence++
	require.ErrorIs(t, archive.CheckSidecar(t.Context(), made.store, other), archive.ErrDamaged)
	made.edit("00005.json", flip(0))
	require.ErrorIs(t, archive.CheckSidecar(t.Context(), made.store, last), archive.ErrDamaged)
	made.remove("00005.json")
	require.ErrorIs(t, archive.CheckSidecar(t.Context(), made.store, last), archive.ErrMissing)
}
