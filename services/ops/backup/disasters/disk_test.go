package disasters_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"evergreen/services/internal/stack"
)

// fullFor is how long the disk is full in the test: longer than the longest pause between two starts of a service.
const fullFor = 15 * time.Second

// smallDisk mounts a file system of its own on a directory.
func smallDisk(t *testing.T, dir, size string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a small file system can be mounted by root alone")
	}
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }) // fails only if the test has done it
}

// fill writes a file until there is no room, and gives its path.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = file.Write(block)
	}
	require.ErrorIs(t, err, unix.ENOSPC)
	return path
}

func TestAShopOnAFullDiskSellsAgainByItselfWhenThereIsRoomAndNothingAcknowledgedIsLost(t *testing.T) {
	s := open(t, stack.Options{}, func(dir string) { smallDisk(t, dir, "192m") })
	load := s.startTraffic()
	filler := fill(t, s.Dir())
	full := time.Now()
	book := s.page("disk-full.md")
	s.await("the nodes say why they end", func() bool {
		said, err := book.try("How to see it", nil)
		return err == nil && len(said) > 0
	})
	<-time.After(time.Until(full.Add(fullFor)))

	require.NoError(t, os.Remove(filler))
	room := time.Now()
	s.awaitWhole()
	t.Logf("whole %v after there was room", time.Since(room).Round(100*time.Millisecond))
	book.run("How to know that it is over", nil)
	figures := load.end()
	require.NotEmpty(t, figures.Errors, "writes are refused while the disk is full")
	t.Logf("refused meanwhile: %v", figures.Errors)
}
