package target_test

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"evergreen/services/ops/backup/target"
)

// stores gives one target of each kind.
func stores(t *testing.T) map[string]target.Store {
	t.Helper()
	directory, err := target.Open(t.TempDir(), target.Credentials{})
	require.NoError(t, err)
	bucket, err := target.Open(fakeS3(t)+"/shop/backups", target.Credentials{AccessKey: "key", SecretKey: "secret"})
	require.NoError(t, err)
	return map[string]target.Store{"directory": directory, "s3": bucket}
}

// fakeS3 serves an S3-compatible store with a bucket "shop" and gives its address.
func fakeS3(t *testing.T) string {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("shop"))
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http://", "s3+http://", 1)
}

func put(t *testing.T, store target.Store, name, text string) {
	t.Helper()
	require.NoError(t, store.Put(t.Context(), name, strings.NewReader(text), int64(len(text))))
}

func get(t *testing.T, store target.Store, name string) string {
	t.Helper()
	body, err := store.Get(t.Context(), name)
	require.NoError(t, err)
	defer body.Close()
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	return string(text)
}

func TestWhatIsPutIsListedReadAndDeleted(t *testing.T) {
	t.Parallel()
	for kind, store := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			put(t, store, "b/2", "second")
			put(t, store, "a/1", "first")
			require.Equal(t, "first", get(t, store, "a/1"))

			listed, err := store.List(t.Context())
			require.NoError(t, err)
			require.Len(t, listed, 2)
			require.Equal(t, "a/1", listed[0].Name)
			require.EqualValues(t, len("second"), listed[1].Bytes)
			require.False(t, listed[1].Modified.IsZero())

			require.NoError(t, store.Delete(t.Context(), "a/1"))
			require.NoError(t, store.Delete(t.Context(), "a/1"), "deleting twice is no error")
			_, err = store.Get(t.Context(), "a/1")
			require.ErrorIs(t, err, target.ErrNotFound)
		})
	}
}

func TestAPutThatEndsEarlyLeavesNothing(t *testing.T) {
	t.Parallel()
	for kind, store := range stores(t) {
		t.Run(kind, func(t *testing.T) {
			broken := io.MultiReader(strings.NewReader("half"), failing{})
			require.Error(t, store.Put(t.Context(), "a/1", broken, 8))
			require.Error(t, store.Put(t.Context(), "a/2", strings.NewReader("half"), 8), "a body that is too short")
			listed, err := store.List(t.Context())
			require.NoError(t, err)
			require.Empty(t, listed)
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the source is gone") }

func TestNamesThatLeadOutOfATargetAreRefused(t *testing.T) {
	t.Parallel()
	for kind, store := range stores(t) {
		for _, name := range []string{"", "../a", "a/../../b", "/etc/passwd", ".hidden", "a//b", "a\x00b", strings.Repeat("a", 201)} {
			require.Error(t, store.Put(t.Context(), name, bytes.NewReader(nil), 0), kind+" "+name)
			_, err := store.Get(t.Context(), name)
			require.Error(t, err, kind+" "+name)
			require.Error(t, store.Delete(t.Context(), name), kind+" "+name)
		}
	}
}

func TestASymbolicLinkInADirectoryIsNotFollowed(t *testing.T) {
	t.Parallel()
	outside, inside := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(inside, "chain")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(inside, "link")))
	store, err := target.OpenDirectory(inside)
	require.NoError(t, err)
	for _, name := range []string{"chain/secret", "link"} {
		_, err := store.Get(t.Context(), name)
		require.Error(t, err, name)
	}
	require.Error(t, store.Put(t.Context(), "chain/new", strings.NewReader("x"), 1))
	listed, err := store.List(t.Context())
	require.NoError(t, err)
	require.Empty(t, listed)
}

func TestPartsOfAKilledWriterAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := target.OpenDirectory(dir)
	require.NoError(t, err)
	part := filepath.Join(dir, ".part-chain_00001.seg.age")
	require.NoError(t, os.WriteFile(part, []byte("half"), 0o600))
	put(t, store, "chain/00000.json", "{}")
	require.NoError(t, store.RemoveParts(1e12))
	require.FileExists(t, part, "it may be of a writer that runs")
	require.NoError(t, store.RemoveParts(0))
	require.NoFileExists(t, part)
	require.Equal(t, "{}", get(t, store, "chain/00000.json"))
}

func TestAnAddressThatCannotBeATargetIsRefused(t *testing.T) {
	t.Parallel()
	keys := target.Credentials{AccessKey: "a", SecretKey: "b"}
	for _, address := range []string{
		"", "backups", "ftp://host/x", "s3://", "s3://host", "s3://host/bucket/../x", "s3://user:word@host/bucket",
		filepath.Join(t.TempDir(), "absent"),
	} {
		store, err := target.Open(address, keys)
		require.Error(t, err, address)
		require.Nil(t, store)
		require.NotContains(t, err.Error(), "word")
	}
	_, err := target.Open("s3://host/bucket", target.Credentials{})
	require.ErrorContains(t, err, "BACKUP_S3_ACCESS_KEY")
}

func TestAnAddressWithASecretIsRefusedAndNotRepeated(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"s3://KEY:s3cr3t@host/shop", "s3+http://s3cr3t@host/shop", "KEY:s3cr3t@host", "s3://KEY:s3cr3t%@host/shop"} {
		_, err := target.Open(address, target.Credentials{AccessKey: "a", SecretKey: "b"})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cr3t")
		require.Equal(t, err, target.Check(address))
	}
	require.NoError(t, target.Check("/var/backups/a@b"))
	require.NoError(t, target.Check("s3://host:9000/shop/prefix?region=eu-1"))
}
