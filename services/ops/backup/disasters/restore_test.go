package disasters_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

func TestTheHostIsLostAndAnotherOneHasAllThatWasShipped(t *testing.T) {
	v := newVault(t, 1)
	lost := open(t, v.options())
	admin := lost.admin()
	shipped, late := &goods{}, &goods{}
	shipped.buy(t, admin, 5)
	v.awaitShipped(lost, v.targets[0])
	require.NoError(t, lost.Process(stack.BackupName).Pause())
	late.buy(t, admin, 3)
	for _, p := range lost.Processes() {
		require.NoError(t, p.Kill())
	}
	require.NoError(t, lost.Process(stack.BackupName).Terminate(t.Context()))
	lost.stop()
	require.NoError(t, os.RemoveAll(lost.clone))

	s := open(t, v.options())
	book, began := s.page("host-lost.md"), time.Now()
	book.run("What to do", choices{"target": v.targets[0], "key": v.keyFile})
	admin = s.admin()
	t.Logf("the shop sells %v after the first command", time.Since(began).Round(100*time.Millisecond))
	shipped.requireThere(t, admin)
	late.requireGone(t, admin)
	book.run("How to know that it is over", nil)
	shoptest.Cross(t, admin)
}

func TestAllRedisVolumesAreLostAndTheShopHasAllThatWasShipped(t *testing.T) {
	v := newVault(t, 1)
	s := open(t, v.options())
	sold := &goods{}
	sold.buy(t, s.admin(), 5)
	v.awaitShipped(s, v.targets[0])
	for _, name := range nodes() {
		require.NoError(t, os.RemoveAll(s.volume(name)))
		require.NoError(t, os.Mkdir(s.volume(name), 0o700))
	}
	for _, name := range nodes() {
		require.NoError(t, s.Process(name).Kill())
	}
	book := s.page("all-redis-volumes.md")
	s.await("the nodes say that their data are gone", func() bool {
		said, err := book.try("How to see it", nil)
		return err == nil && said != ""
	})
	s.stop()
	book.run("What to do", nil)
	s.up()
	book.run("Then restore", choices{"key": v.keyFile})
	sold.requireThere(t, s.admin())
	book.run("How to know that it is over", nil)
}

func TestAWrongBulkEditIsUndoneByARestoreAndTheRestoreByItsUndo(t *testing.T) {
	v := newVault(t, 1)
	s := open(t, v.options())
	admin := s.admin()
	before, after := &goods{}, &goods{}
	before.buy(t, admin, 4)
	v.awaitShipped(s, v.targets[0])
	moment := time.Now().UTC()
	// The heartbeat's moments are a second apart, and the mistake is made a while later than the last good state.
	s.await("two seconds have passed", func() bool { return time.Since(moment) > 2*time.Second })
	for _, id := range before.products {
		admin.Want(t, http.StatusOK, "PATCH", "/v1/products/"+id, shoptest.Object{"name": "Everything must go"})
	}
	after.buy(t, admin, 2)
	v.awaitShipped(s, v.targets[0])

	book := s.page("wrong-edit.md")
	c := choices{"at": moment.Format(time.RFC3339Nano), "key": v.keyFile, "object": "product:" + before.products[0]}
	require.NotContains(t, book.run("How to see it", c), "Everything must go")
	said := book.run("What to do if everything has to go back", c)
	require.Contains(t, said, "2 purchases were lost")
	admin = s.admin()
	before.requireThere(t, admin)
	after.requireGone(t, admin)
	require.NotEqual(t, "Everything must go", s.nameOf(admin, before.products[0]))
	require.Len(t, s.lostPurchases(after), 2, "the file lists the purchases that were lost")
	book.run("How to know that it is over", nil)

	book.run("What to do if the restore was the mistake", nil)
	admin = s.admin()
	after.requireThere(t, admin)
	require.Equal(t, "Everything must go", s.nameOf(admin, before.products[0]))
}

func (s *shop) nameOf(admin *shoptest.Client, product string) string {
	s.t.Helper()
	return admin.Current().Want(s.t, http.StatusOK, "GET", "/v1/products/"+product, nil).Text(s.t, "name")
}

// lostPurchases are those of g that the file of the restore lists.
func (s *shop) lostPurchases(g *goods) (found []string) {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir(), stack.BackupName, "restore", "*", "lost-purchases.csv"))
	require.NoError(s.t, err)
	require.Len(s.t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(s.t, err)
	for _, id := range g.purchases {
		if strings.Contains(string(text), id) {
			found = append(found, id)
		}
	}
	return found
}

// The disk of one target takes no more files, and is replaced by an empty one.
func TestATargetIsGoneForADayAndTheOtherGoesOnUntilBothHaveEverything(t *testing.T) {
	v := newVault(t, 2)
	gone, other := v.targets[0], v.targets[1]
	smallDisk(t, gone, "64m")
	s := open(t, v.options())
	admin := s.admin()
	sold := &goods{}
	sold.buy(t, admin, 2)
	for _, address := range v.targets {
		v.awaitShipped(s, address)
	}
	require.NoError(t, unix.Mount("", gone, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	before := v.reaches(gone)
	sold.buy(t, admin, 2)
	v.awaitShipped(s, other)
	require.Equal(t, before, v.reaches(gone))
	book := s.page("backup-target-gone.md")
	s.await("the log names the target", func() bool {
		said, err := book.try("How to see it", nil)
		return err == nil && strings.Contains(said, gone)
	})
	require.NoError(t, unix.Unmount(gone, unix.MNT_DETACH))
	smallDisk(t, gone, "64m")
	book.run("What to do", nil)
	v.awaitShipped(s, gone)
	require.Contains(t, book.run("How to know that it is over", nil), "verified")
}
