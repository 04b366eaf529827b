package capacity

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
	"evergreen/services/internal/stack"
	"evergreen/services/internal/texttest"
)

// containerMiB is the limit of a service's container.
func containerMiB(t *testing.T, anchor string) float64 {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(root + "/docker-compose.yml")
	require.NoError(t, err)
	_, service, found := strings.Cut(string(text), "\n"+anchor+"\n")
	require.True(t, found)
	limit := regexp.MustCompile(`mem_limit: (\d+)m`).FindStringSubmatch(service)
	number, err := strconv.ParseFloat(limit[1], 64)
	require.NoError(t, err)
	return number
}

// sumMiB adds the figures of the table under a heading of the page.
func sumMiB(t *testing.T, page, heading string) (sum float64) {
	t.Helper()
	_, after, found := strings.Cut(page, "\n## "+heading+"\n")
	require.True(t, found, heading)
	section, _, _ := strings.Cut(after, "\n## ")
	rows := regexp.MustCompile(`(?m)^\| ([a-z][^|]*) \| [0-9.]+ \|`).FindAllStringSubmatch(section, -1)
	require.GreaterOrEqual(t, len(rows), 4)
	for _, row := range rows {
		sum += texttest.Figure(t, section, row[1])
	}
	return sum
}

func TestThePartsOfAReplicaAndOfAnNginxFitIntoTheirContainers(t *testing.T) {
	page := readPage(t)
	require.Less(t, sumMiB(t, page, "What 128 MB of a replica hold"), containerMiB(t, "x-api: &api"))
	require.Less(t, sumMiB(t, page, "What 224 MB of an nginx hold"), containerMiB(t, "x-nginx: &nginx"))
	c, err := config.Load(func(name string) string {
		return map[string]string{
			"SECRET_KEY": strings.Repeat("k", 40), "REDIS_SENTINEL": "127.0.0.1:26379", "ADMIN_EMAIL": "owner@example.com",
			"ADMIN_PASSWORD": strings.Repeat("p", 20),
		}[name]
	})
	require.NoError(t, err)
	require.InDelta(t, c.RequestMemory, texttest.Figure(t, page, "requests under way"), 0)
}

// hungry has a replica collect its garbage all the time, so that what it takes is what it needs.
const hungry = "1MiB"

func TestThePageSaysWhatAReplicaTakesAtRest(t *testing.T) {
	s := stack.StartT(t, stack.Options{
		Services: append(stack.RedisAndSentinels(), "api-1", "api-2", "nginx-a"), Settings: map[string]string{"GOMEMLIMIT": hungry},
	})
	text, err := os.ReadFile("/proc/" + strconv.Itoa(s.Process("api-1").PID()) + "/status")
	require.NoError(t, err)
	rss := regexp.MustCompile(`RssAnon:\s+(\d+) kB`).FindStringSubmatch(string(text))
	require.Len(t, rss, 2)
	kib, err := strconv.ParseFloat(rss[1], 64)
	require.NoError(t, err)
	t.Logf("%.1f MiB", kib/1024)
	documented := texttest.Figure(t, readPage(t), "program at rest")
	require.InDelta(t, documented, kib/1024, documented*0.15)
}
