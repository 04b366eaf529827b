package backup_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"evergreen/services/ops/backup/archive"
)

// bucket is an S3-compatible store that can fail and lie.
type bucket struct {
	address string
	// fails answers 503; lies changes what segments are stored as.
	fails atomic.Bool
	lies  atomic.Pointer[func([]byte) []byte]
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("shop"))
	honest, b := gofakes3.New(backend).Server(), &bucket{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.fails.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if change := b.lies.Load(); change != nil && r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, ".seg.age") {
			b.store(backend, w, r, *change)
			return
		}
		honest.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b.address = strings.Replace(server.URL, "http://", "s3+http://", 1) + "/shop/backups"
	return b
}

// store says that it has stored the body, and stores something else.
func (b *bucket) store(backend gofakes3.Backend, w http.ResponseWriter, r *http.Request, change func([]byte) []byte) {
	body, _ := io.ReadAll(r.Body)
	if body = change(body); body != nil {
		name := strings.TrimPrefix(r.URL.Path, "/shop/")
		_, _ = backend.PutObject("shop", name, map[string]string{}, bytes.NewReader(body), int64(len(body)), nil)
	}
	w.Header().Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
}

func TestATargetThatFailsIsTriedAgainWhileTheOthersGoOn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.buy(5)
	directory, b := t.TempDir(), newBucket(t)
	b.fails.Store(true)
	metrics, _ := s.serve(s.settings(b.address, directory))
	awaitChain(t, directory, isVerified)
	s.buy(5)
	awaitChain(t, directory, reaches(s.sequence()))
	require.Eventually(
		t,
		func() bool { return value(t, metrics, "shop_backup_target_failures_total", b.address) > 1 },
		time.Minute,
		50*time.Millisecond,
	)
	require.Zero(t, value(t, metrics, "shop_backup_target_failures_total", directory))
	require.Positive(t, value(t, metrics, "shop_backup_spool_bytes"), "what the target lacks is kept")

	b.fails.Store(false)
	awaitChain(t, b.address, isVerified)
	chain := awaitChain(t, b.address, reaches(s.sequence()))
	s.requireRestorable(b.address, chain, s.purchases)
}

func TestATargetThatLiesIsNeverVerifiedAndTheOtherOneIs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.buy(5)
	for name, change := range map[string]func([]byte) []byte{
		"it stores nothing":      func([]byte) []byte { return nil },
		"it stores half":         func(text []byte) []byte { return text[:len(text)/2] },
		"it stores other bytes":  func(text []byte) []byte { return bytes.Repeat([]byte{7}, len(text)) },
		"it flips the last byte": func(text []byte) []byte { return append(text[:len(text)-1:len(text)-1], text[len(text)-1]^1) },
	} {
		t.Run(name, func(t *testing.T) {
			directory, b := t.TempDir(), newBucket(t)
			b.lies.Store(&change)
			metrics, stop := s.serve(s.settings(b.address, directory))
			defer stop()
			awaitChain(t, directory, isVerified)
			require.Eventually(
				t,
				func() bool { return value(t, metrics, "shop_backup_verification_failures_total") > 0 },
				time.Minute,
				50*time.Millisecond,
			)
			for _, chain := range list(t, b.address) {
				require.Nil(t, chain.Verified)
			}
			// An increment is read back at once.
			require.Eventually(
				t,
				func() bool { return value(t, metrics, "shop_backup_target_failures_total", b.address) > 0 },
				time.Minute,
				50*time.Millisecond,
			)
		})
	}
}

func TestATargetWithoutRoomDoesNotHurtTheOther(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.buy(5)
	small, large := mountSmall(t, "4k"), t.TempDir()
	metrics, _ := s.serve(s.settings(small, large))
	awaitChain(t, large, isVerified)
	require.Eventually(
		t,
		func() bool { return value(t, metrics, "shop_backup_target_failures_total", small) > 0 },
		time.Minute,
		50*time.Millisecond,
	)
	for _, chain := range list(t, small) {
		require.False(t, chain.Complete())
	}
}

func TestAHostWithoutRoomSaysSo(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.buy(5)
	for name, prepare := range map[string]func(*testing.T) string{
		"no room for the spool":   func(t *testing.T) string { t.Helper(); return mountSmall(t, "16k") },
		"no room for the scratch": func(t *testing.T) string { t.Helper(); return mountSmall(t, "8m") },
	} {
		t.Run(name, func(t *testing.T) {
			address := t.TempDir()
			settings := s.settings(address)
			settings.Dir = prepare(t)
			metrics, stop := s.serve(settings)
			defer stop()
			require.Eventually(t, func() bool { return value(t, metrics, "shop_backup_no_room") == 1 }, time.Minute, 50*time.Millisecond)
			require.Zero(t, value(t, metrics, "shop_backup_last_verified_seconds"))
		})
	}
	t.Run("no room in memory", func(t *testing.T) {
		address := t.TempDir()
		settings := s.settings(address)
		settings.ScratchBytes = 1 << 20
		metrics, stop := s.serve(settings)
		defer stop()
		require.Eventually(t, func() bool { return value(t, metrics, "shop_backup_no_room") == 1 }, time.Minute, 50*time.Millisecond)
		chain := awaitChain(t, address, archive.Chain.Complete)
		require.Nil(t, chain.Verified, "the backup is there, and not called verified")
	})
}

func TestATargetThatFellFarBehindGetsTheNextFullBackup(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.buy(5)
	directory, b := t.TempDir(), newBucket(t)
	b.fails.Store(true)
	settings := s.settings(b.address, directory)
	settings.SpoolBytes, settings.Every = 20<<10, 3*time.Second
	metrics, _ := s.serve(settings)
	awaitChain(t, directory, isVerified)
	require.Eventually(t, func() bool { return value(t, metrics, "shop_backup_targets_left_out") == 1 }, time.Minute, 10*time.Millisecond)
	b.fails.Store(false)
	chain := awaitChain(t, b.address, isVerified)
	s.requireRestorable(b.address, chain, s.purchases)
}
