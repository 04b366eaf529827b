package drill

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/release"
	"evergreen/services/internal/stack"
)

func TestEveryControlTakesSomethingOut(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Controls() {
		t.Run(c.Slug, func(t *testing.T) {
			require.False(t, seen[c.Slug], "the slug is taken")
			seen[c.Slug] = true
			require.Nil(t, c.Promise)
			require.NotEmpty(t, c.Control.Rules)
			require.Greater(t, c.Control.Rate, 0.0)
			require.LessOrEqual(t, c.Control.Rate, 1.0)
			require.LessOrEqual(t, attempts(c.Control.Rate), 20, "it would take too long")
			o := stack.Options{Settings: map[string]string{"OTHER": "stays"}}
			err := c.Prepare(t.Context(), &o)
			if errors.Is(err, release.ErrNoHistory) {
				t.Skip(err)
			}
			require.NoError(t, err)
			require.Equal(t, "stays", o.Settings["OTHER"])
			require.True(t, o.Files != "" || o.Settings["SHOP_WEAKNESS"] != "")
			require.Equal(t, o.Settings["SHOP_WEAKNESS"] != "", o.APIBinary != "", "what ships would ignore the weakness")
		})
	}
}

func TestTheFilesOfAControlAreThoseThatShipButForItsEdits(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	to := t.TempDir()
	sync := edit{"redis/redis.conf", "\nappendfsync always\n", "\nappendfsync everysec\n"}
	for range 2 { // the second time most of it is there
		require.NoError(t, changedFiles(root, to, []edit{sync}))
	}
	same := []string{"redis/start-redis.sh", "redis/users.acl", "nginx/nginx.conf.template", "prometheus/prometheus.yml", ".env.example"}
	for _, name := range append(same, sync.file) {
		ships, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		changed, err := os.ReadFile(filepath.Join(to, name))
		require.NoError(t, err)
		want := string(ships)
		if name == sync.file {
			want = strings.Replace(want, sync.old, sync.with, 1)
		}
		require.Equal(t, want, string(changed), name)
	}
}

func TestAnEditThatFindsNothingToReplaceIsAnError(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	for _, e := range []edit{
		{"redis/redis.conf", "appendfsync sometimes", ""}, // not there
		{"redis/redis.conf", "replica", ""},               // there more than once
		{"redis/valkey.conf", "appendfsync", ""},          // no such file
	} {
		require.Error(t, changedFiles(root, t.TempDir(), []edit{e}), "%+v", e)
	}
}
