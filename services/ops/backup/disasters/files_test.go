package disasters_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

const damagedBytes = 4096

// damage puts zeros where the middle block of the last increment of a node's append-only file was, as a lost sector does. (Fewer
// bytes may all lie inside one value, and Redis loads those.)
func (s *shop) damage(node string) {
	s.t.Helper()
	increments, err := filepath.Glob(s.volume(node, "data/appendonlydir/*.incr.aof"))
	require.NoError(s.t, err)
	require.NotEmpty(s.t, increments)
	file, err := os.OpenFile(increments[len(increments)-1], os.O_WRONLY, 0)
	require.NoError(s.t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(s.t, err)
	require.Greater(s.t, info.Size(), int64(10*damagedBytes))
	_, err = file.WriteAt(make([]byte, damagedBytes), info.Size()/2)
	require.NoError(s.t, err)
}

func TestANodeWhoseAppendOnlyFileIsDamagedCopiesFromThePrimaryAndNoRequestFails(t *testing.T) {
	s := open(t, stack.Options{})
	for _, role := range []string{"replica", "primary"} {
		t.Run(role, func(t *testing.T) {
			s.t = t
			load := s.startTraffic()
			damaged := s.replicas()[0]
			if role == "primary" {
				damaged = s.primary()
			}
			s.damage(damaged)
			load.goesOn() // nothing is noticed until the node starts again
			require.NoError(t, s.Process(damaged).Kill())

			book := s.page("damaged-aof.md")
			s.await("the node says that it cannot read its file", func() bool {
				said, err := book.try("How to see it", nil)
				return err == nil && strings.Contains(said, damaged)
			})
			book.run("What to do while another node is well", choices{"node": damaged})
			s.awaitWhole()
			book.run("How to know that it is over", nil)
			load.endWithoutFailure()
			require.DirExists(t, s.volume(damaged, "data.damaged"))
		})
	}
}

// What is acknowledged one after the other is there up to one point, and nothing of what came after it.
func TestIfTheOnlyCopyIsDamagedAllBeforeTheDamageIsKeptAndAllAfterItIsCutOff(t *testing.T) {
	s := open(t, stack.Options{})
	admin := shoptest.Admin(t, s.Stack)
	var made []string
	for range 100 {
		made = append(made, shoptest.Product(t, admin, 1))
	}
	only, lost := s.primary(), s.replicas()
	before := s.commits(only)
	s.stop()
	for _, node := range lost {
		require.NoError(t, os.RemoveAll(s.volume(node, "data")))
	}
	s.damage(only)

	book := s.page("damaged-aof.md")
	said := book.run("What to do when every copy is damaged", choices{"node": only})
	require.Contains(t, said, "Successfully truncated AOF")
	s.up()
	s.awaitWhole()
	after := s.commits(only)
	admin = shoptest.Admin(t, s.Stack)
	kept := 0
	for i, id := range made {
		answer := admin.Current().Do(t, "GET", "/v1/products/"+id, nil)
		if answer.Status == http.StatusOK {
			require.Equal(t, kept, i, "what is kept has no gap")
			kept++
		}
	}
	t.Logf(
		"of %d commits %d were cut off; of %d products made one after the other the first %d are kept",
		before,
		before-after,
		len(made),
		kept,
	)
	require.Positive(t, kept)
	require.Less(t, kept, len(made))
	shoptest.Cross(t, admin)
}
