//go:build logs

package logs_test

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/logs"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// pipeline is the real Loki and the real collector, with the configuration that ships, beside a real shop whose log files
// they read.
type pipeline struct {
	t                       *testing.T
	shop                    *stack.Stack
	admin                   *shoptest.Client
	product                 string
	loki, collector         *exec.Cmd
	root, lokiData, ownData string
	requests                int
}

// TestLogsReachLoki takes a shop through what may happen to the pipeline of its logs. `make test-logs` builds both
// programs first.
func TestLogsReachLoki(t *testing.T) {
	p := startPipeline(t)
	t.Run("one request is found in nginx's and the API's lines", p.oneRequest)
	t.Run("labels are service, level and instance, and nothing else", p.labels)
	t.Run("the examples of the documentation have answers", p.examples)
	t.Run("every line is there, once", p.whole)
	t.Run("a collector that is stopped and started loses and doubles nothing", p.collectorRestarts)
	t.Run("nor does one that is killed", p.collectorDies)
	t.Run("logs that are put aside or cut short are read to their end", p.rotation)
	t.Run("without Loki the shop goes on, and nothing is lost", p.withoutLoki)
	t.Run("nothing secret arrives", p.secrets)
	t.Run("what the dashboards ask about the two is told, and what is too old is refused", p.metrics)
	p.measure()
}

func startPipeline(t *testing.T) *pipeline {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	p := &pipeline{t: t, root: root, shop: stack.StartT(t, stack.Options{}), lokiData: t.TempDir(), ownData: t.TempDir()}
	p.admin = shoptest.Admin(t, p.shop)
	p.product = shoptest.Product(t, p.admin, 1_000_000)
	p.startLoki(t)
	p.startCollector(t)
	t.Cleanup(func() {
		for _, cmd := range []*exec.Cmd{p.collector, p.loki} {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return p
}

func (p *pipeline) startLoki(t *testing.T) {
	t.Helper()
	p.loki = p.run(t, "loki", "-config.file="+filepath.Join(p.root, "loki/loki.yaml"), "-config.expand-env=true")
	p.eventually(t, "Loki is ready", func() bool {
		answer, err := http.Get(p.lokiURL("/ready"))
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

func (p *pipeline) startCollector(t *testing.T) {
	t.Helper()
	p.collector = p.run(t, "collector", "--config", filepath.Join(p.root, "loki/collector.yaml"))
}

func (p *pipeline) run(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(filepath.Join(p.root, ".data/bin", program), args...)
	// As in their containers.
	cmd.Env = append(os.Environ(), "NET="+p.shop.Net, "LOG_DIR="+p.logDir(), "LOKI_DATA="+p.lokiData, "COLLECTOR_DATA="+p.ownData,
		map[string]string{"loki": "GOMEMLIMIT=320MiB", "collector": "GOMEMLIMIT=200MiB"}[program])
	out, err := os.OpenFile(filepath.Join(p.shop.Dir(), program+".out"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(out.Name())
			t.Logf("the end of what %s said:\n%s", program, text[max(0, len(text)-3000):])
		}
	})
	return cmd
}

func (p *pipeline) end(t *testing.T, cmd *exec.Cmd, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, cmd.Process.Signal(signal))
	_ = cmd.Wait()
}

func (p *pipeline) logDir() string { return filepath.Join(p.shop.Dir(), "logs") }

func (p *pipeline) eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 90*time.Second, 200*time.Millisecond, what)
}

// buy makes purchases, and returns the id of the last request.
func (p *pipeline) buy(t *testing.T, n int) (request string) {
	t.Helper()
	for range n {
		answer := p.admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(p.product, 1))
		request = answer.Header.Get("X-Request-Id")
		p.requests++
	}
	return request
}

func (p *pipeline) oneRequest(t *testing.T) {
	request := p.buy(t, 10)
	var lines []line
	p.eventually(t, "both have told Loki", func() bool {
		lines = p.query(t, `{service=~"nginx|api"} | request_id="`+request+`"`)
		return len(lines) >= 2
	})
	require.Len(t, lines, 2)
	instances := []string{lines[0].labels["service"], lines[1].labels["service"]}
	require.ElementsMatch(t, []string{"nginx", "api"}, instances)
	require.Len(t, p.query(t, `{service=~".+"} |= "`+request+`"`), 2, "as Grafana's link looks for it")
	for _, l := range lines {
		entry := logs.Parse(l.labels["instance"], l.text)
		require.WithinDuration(t, entry.Time, l.at, 0, "the time is the line's own: %s", l.text)
		require.Equal(t, request, entry.RequestID)
	}
}

func (p *pipeline) labels(t *testing.T) {
	// The kernel chooses between the two nginx for each connection.
	p.eventually(t, "both nginx have served somebody", func() bool {
		p.admin.NewConnections().Want(t, http.StatusOK, "GET", "/v1/products/"+p.product, nil)
		return len(p.query(t, `{instance="nginx-a"}`)) > 0 && len(p.query(t, `{instance="nginx-b"}`)) > 0
	})
	require.ElementsMatch(t, []string{"instance", "level", "service"}, p.names(t, "/loki/api/v1/labels"))
	require.ElementsMatch(t, []string{"api", "nginx", "prometheus", "redis", "sentinel"}, p.names(t, "/loki/api/v1/label/service/values"))
	require.ElementsMatch(t, stack.Everything(), p.names(t, "/loki/api/v1/label/instance/values"))
	require.Subset(t, []string{"debug", "info", "warn", "error"}, p.names(t, "/loki/api/v1/label/level/values"))
	for _, l := range p.query(t, `{service=~".+"}`) {
		want := logs.Parse(l.labels["instance"], l.text)
		require.Equal(t, want.Level.String(), l.labels["level"], l.text)
		if !want.Time.IsZero() {
			require.WithinDuration(t, want.Time, l.at, 0, l.text)
		}
	}
}

func (p *pipeline) examples(t *testing.T) {
	require.NotEmpty(t, p.query(t, `{service="redis"} |= "Ready to accept connections"`))
	require.NotEmpty(t, p.query(t, `{service="sentinel", level="warn"} |= "+monitor master"`))
	p.admin.Refused(t, http.StatusNotFound, "no-purchase", "GET", "/v1/purchases/0198a9a2-0000-7000-8000-000000000000", nil)
	for _, name := range []string{"api-1", "api-2"} {
		require.NoError(t, p.shop.Process(name).Kill())
	}
	answer := p.admin.NewConnections().Do(t, "GET", "/v1/products", nil)
	require.Equal(t, http.StatusBadGateway, answer.Status)
	require.NoError(t, p.shop.Up(t.Context()))
	p.eventually(t, "the failure is an error", func() bool {
		return len(p.query(t, `{service="nginx", level="error"} | json | status=502`)) == 1
	})
	text, err := os.ReadFile(filepath.Join(p.root, "docs/logs.md"))
	require.NoError(t, err)
	_, text2, found := strings.Cut(string(text), "```logql\n")
	require.True(t, found)
	block, _, _ := strings.Cut(text2, "```")
	tried := 0
	for query := range strings.Lines(block) {
		if query = strings.TrimSpace(query); query == "" || strings.HasPrefix(query, "#") {
			continue
		}
		query = strings.ReplaceAll(query, "REQUEST_ID", answer.Header.Get("X-Request-Id"))
		require.True(t, p.answers(t, query), query)
		tried++
	}
	require.Greater(t, tried, 4)
}

// whole holds Loki to the files: each distinct line of every file is there, exactly once, and nothing else.
func (p *pipeline) whole(t *testing.T) {
	t.Helper()
	for _, name := range stack.Everything() {
		var missing, foreign []string
		p.eventually(t, name+": Loki has what its files have", func() bool {
			written := p.written(t, name)
			stored := p.stored(t, name)
			missing, foreign = differ(written, stored), differ(stored, written)
			return len(missing)+len(foreign) == 0
		})
		require.Empty(t, missing)
		require.Empty(t, foreign)
	}
}

// written are the distinct lines of an instance's files, as the collector splits and cleans them.
func (p *pipeline) written(t *testing.T, instance string) (lines []string) {
	t.Helper()
	files, err := logs.Find(p.logDir())
	require.NoError(t, err)
	for _, file := range files {
		if file.Instance != instance {
			continue
		}
		text, err := os.ReadFile(file.Path)
		require.NoError(t, err)
		for l := range strings.Lines(string(text)) {
			if l = strings.TrimSpace(l); l != "" {
				lines = append(lines, l)
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// stored are an instance's lines in Loki. One that is there twice is named a second time.
func (p *pipeline) stored(t *testing.T, instance string) (lines []string) {
	t.Helper()
	times := map[string]time.Time{}
	for _, l := range p.query(t, `{instance="`+instance+`"}`) {
		text := strings.TrimSpace(l.text)
		if at, known := times[text]; known && !logs.Parse(instance, text).Time.IsZero() {
			text = "doubled, at " + at.String() + " and " + l.at.String() + ": " + text
		}
		times[text] = l.at
		lines = append(lines, text)
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

func differ(these, those []string) []string {
	known := map[string]bool{}
	for _, l := range those {
		known[l] = true
	}
	return slices.DeleteFunc(slices.Clone(these), func(l string) bool { return known[l] })
}

func (p *pipeline) collectorRestarts(t *testing.T) {
	p.buy(t, 50)
	p.end(t, p.collector, syscall.SIGTERM)
	p.buy(t, 50)
	p.startCollector(t)
	p.buy(t, 50)
	p.whole(t)
}

func (p *pipeline) collectorDies(t *testing.T) {
	for range 3 {
		p.buy(t, 60)
		p.end(t, p.collector, syscall.SIGKILL)
		p.buy(t, 20)
		p.startCollector(t)
	}
	p.whole(t)
}

// rotation does what containers do: nginx's and the API's files are renamed, Redis's is copied and cut.
func (p *pipeline) rotation(t *testing.T) {
	for _, collected := range []bool{true, false} {
		p.buy(t, 30)
		if !collected {
			p.end(t, p.collector, syscall.SIGTERM)
		}
		for _, name := range []string{"nginx-a", "nginx-b"} {
			access := filepath.Join(p.logDir(), name, "access.log")
			if collected {
				p.whole(t)
			}
			require.NoError(t, os.Rename(access, access+".1"))
			require.NoError(t, syscall.Kill(p.shop.Process(name).PID(), syscall.SIGUSR1))
			p.eventually(t, "a new log", func() bool { _, err := os.Stat(access); return err == nil })
		}
		if collected {
			p.buy(t, 30)
			p.awaitLines(t, 30)
		}
	}
	p.startCollector(t)
	p.buy(t, 30)
	p.awaitLines(t, 30)
}

// awaitLines waits until the last n requests' lines have come from both sides.
func (p *pipeline) awaitLines(t *testing.T, n int) {
	t.Helper()
	want := p.requests
	p.eventually(t, "all purchases have a line of nginx's and one of the API's", func() bool {
		return p.count(t, `{service="nginx"} |= "\"POST\"" |= "/v1/purchases" |= "201"`) == want &&
			p.count(t, `{service="api"} |= "\"POST\"" |= "/v1/purchases" |= "201"`) == want
	})
	require.Positive(t, n)
}

func (p *pipeline) withoutLoki(t *testing.T) {
	began := time.Now()
	p.buy(t, 100)
	before := time.Since(began)
	p.end(t, p.loki, syscall.SIGKILL)
	began = time.Now()
	p.buy(t, 100)
	without := time.Since(began)
	t.Logf("100 purchases took %v with Loki and %v without; the collector then has %d MB", before.Round(time.Millisecond),
		without.Round(time.Millisecond), residentMB(t, p.collector.Process.Pid))
	require.Less(t, without, 3*before+time.Second)
	p.end(t, p.collector, syscall.SIGTERM)
	p.buy(t, 20)
	p.startCollector(t)
	p.startLoki(t)
	p.buy(t, 20)
	p.awaitLines(t, 20)
}

func (p *pipeline) secrets(t *testing.T) {
	for _, secret := range []string{
		p.admin.Token(), "@example", "%40", "Bearer", p.shop.Setting("REDIS_API_PASSWORD"), p.shop.Setting("REDIS_ADMIN_PASSWORD"),
		p.shop.Setting("SECRET_KEY"), p.shop.Setting("ADMIN_PASSWORD"),
	} {
		require.NotEmpty(t, secret)
		require.Empty(t, p.query(t, `{service=~".+"} |= "`+url.PathEscape(secret)+`"`))
		require.Empty(t, p.query(t, `{service=~".+"} |= "`+secret+`"`))
	}
}
