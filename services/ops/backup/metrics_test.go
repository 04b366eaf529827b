package backup_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup"
)

func TestThePageNamesEveryMetricOfTheBackupServiceAndNoOther(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	require.NoError(t, err)
	var onPage []string
	for line := range strings.Lines(string(page)) {
		if name, _, found := strings.Cut(strings.TrimPrefix(line, "| `"), "` |"); found && strings.HasPrefix(name, "shop_backup_") {
			onPage = append(onPage, name)
		}
	}
	all := make(chan *prometheus.Desc)
	go func() {
		backup.NewMetrics([]string{"/mnt/a"}).Registry.Describe(all)
		close(all)
	}()
	var has []string
	for d := range all {
		has = append(has, regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(d.String())[1])
	}
	slices.Sort(has)
	slices.Sort(onPage)
	require.Equal(t, has, onPage)
}
