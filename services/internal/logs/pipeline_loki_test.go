//go:build logs

package logs_test

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (p *pipeline) lokiURL(path string) string { return "http://" + p.shop.Net + ".16:3100" + path }

// line is one entry as Loki gives it back.
type line struct {
	labels map[string]string // and structured metadata
	at     time.Time
	text   string
}

// ask sends a question to Loki and decodes what it calls data.
func (p *pipeline) ask(t *testing.T, path string, parameters url.Values, data any) {
	t.Helper()
	answer, err := http.Get(p.lokiURL(path) + "?" + parameters.Encode())
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", parameters.Get("query"), body)
	envelope := struct {
		Data any `json:"data"`
	}{data}
	require.NoError(t, json.Unmarshal(body, &envelope))
}

// result is the data of a query.
type result struct {
	ResultType string
	Result     []struct {
		Stream map[string]string
		Values [][]any
		Value  []any
	}
}

func (p *pipeline) queryRange(t *testing.T, query string) (r result) {
	t.Helper()
	p.ask(t, "/loki/api/v1/query_range", url.Values{
		"query": {query}, "limit": {"5000"}, "direction": {"forward"}, "step": {"10"},
		"start": {strconv.FormatInt(time.Now().Add(-time.Hour).UnixNano(), 10)},
		"end":   {strconv.FormatInt(time.Now().Add(time.Minute).UnixNano(), 10)},
	}, &r)
	return r
}

// query gives the lines of the last hour, 5,000 at most.
func (p *pipeline) query(t *testing.T, query string) (lines []line) {
	t.Helper()
	r := p.queryRange(t, query)
	require.Equal(t, "streams", r.ResultType)
	for _, stream := range r.Result {
		for _, value := range stream.Values {
			nanoseconds, err := strconv.ParseInt(value[0].(string), 10, 64)
			require.NoError(t, err)
			lines = append(lines, line{labels: stream.Stream, at: time.Unix(0, nanoseconds), text: value[1].(string)})
		}
	}
	require.Less(t, len(lines), 5000, "%s: not all of them", query)
	return lines
}

// answers says whether a query of either kind finds anything.
func (p *pipeline) answers(t *testing.T, query string) bool {
	t.Helper()
	return len(p.queryRange(t, query).Result) > 0
}

// count is how many lines a query finds.
func (p *pipeline) count(t *testing.T, query string) int {
	t.Helper()
	var r result
	p.ask(t, "/loki/api/v1/query", url.Values{"query": {"sum(count_over_time(" + query + " [1h]))"}}, &r)
	if len(r.Result) == 0 {
		return 0
	}
	n, err := strconv.Atoi(r.Result[0].Value[1].(string))
	require.NoError(t, err)
	return n
}

func (p *pipeline) names(t *testing.T, path string) (found []string) {
	t.Helper()
	p.ask(t, path, url.Values{"start": {strconv.FormatInt(time.Now().Add(-time.Hour).UnixNano(), 10)}}, &found)
	return found
}

// measure says what a request costs, for the documentation.
func (p *pipeline) measure() {
	t := p.t
	of := func(glob string) (bytes, lines int) {
		paths, err := filepath.Glob(filepath.Join(p.logDir(), glob))
		require.NoError(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			bytes, lines = bytes+len(text), lines+strings.Count(string(text), "\n")
		}
		return bytes, lines
	}
	for _, glob := range []string{"nginx-?/access.log*", "api-?.log*"} {
		bytes, lines := of(glob)
		t.Logf("%s: %d bytes in %d lines, %d each", glob, bytes, lines, bytes/max(1, lines))
	}
	t.Logf("Loki: %d MB resident, %d KB on disk (%d KB write-ahead log); collector: %d MB resident, %d KB on disk",
		residentMB(t, p.loki.Process.Pid), size(t, p.lokiData)>>10, size(t, filepath.Join(p.lokiData, "wal"))>>10,
		residentMB(t, p.collector.Process.Pid), size(t, p.ownData)>>10)
}

func size(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // a file that has just gone
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	}))
	return bytes
}

func residentMB(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize() >> 20
}

// metrics holds the dashboards' questions about Loki and the collector to what these two really tell Prometheus.
func (p *pipeline) metrics(t *testing.T) {
	// What is older than seven days is refused, and counted.
	old := strconv.FormatInt(time.Now().Add(-8*24*time.Hour).UnixNano(), 10)
	answer, err := http.Post(p.lokiURL("/loki/api/v1/push"), "application/json",
		strings.NewReader(`{"streams":[{"stream":{"service":"test"},"values":[["`+old+`","an old line"]]}]}`))
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)

	told := ""
	for _, address := range []string{p.lokiURL("/metrics"), "http://" + p.shop.Net + ".17:8888/metrics"} {
		answer, err := http.Get(address)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		answer.Body.Close()
		told += string(text)
	}
	dashboards, err := filepath.Glob(filepath.Join(p.root, "grafana/dashboards/*.json"))
	require.NoError(t, err)
	asked := 0
	for _, path := range dashboards {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, name := range regexp.MustCompile(`\b(loki|otelcol)_[a-z_]+`).FindAllString(string(text), -1) {
			require.Regexp(t, `\n`+name+`[{ ]`, told, path)
			asked++
		}
	}
	require.Positive(t, asked)
}
