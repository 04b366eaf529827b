package logs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/logs"
)

func TestEveryFormatOfTheShopsServicesIsUnderstood(t *testing.T) {
	t.Parallel()
	local := func(text string) time.Time {
		at, err := time.ParseInLocation("2006-01-02 15:04:05.000", text, time.Local)
		require.NoError(t, err)
		return at
	}
	utc := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		return at
	}
	for name, c := range map[string]struct {
		instance, line string
		want           logs.Entry
	}{
		"the API": {
			"api-1",
			`{"time":"2026-11-22T07:18:01.123456789Z","level":"INFO","msg":"request","request_id":"abc","route":"/v1/purchases","status":201,"duration_ms":12.5}`,
			logs.Entry{Time: utc("2026-11-22T07:18:01.123456789Z"), Level: logs.Info, RequestID: "abc", Took: 12500 * time.Microsecond,
				Text: "request request_id=abc route=/v1/purchases status=201 duration_ms=12.5"},
		},
		"the API, when something went wrong": {
			"api-1", `{"time":"2026-11-22T07:18:01Z","level":"ERROR","msg":"request","error":"no \"primary\""}`,
			logs.Entry{Time: utc("2026-11-22T07:18:01Z"), Level: logs.Err, Text: `request error="no \"primary\""`},
		},
		"nginx's access log": {
			"nginx-a", `{"time":"2026-11-22T08:18:01.200+01:00","service":"nginx-a","request_id":"abc","status":200,"duration_s":0.013,"replica":""}`,
			logs.Entry{Time: utc("2026-11-22T07:18:01.2Z"), Level: logs.Info, RequestID: "abc", Took: 13 * time.Millisecond,
				Text: "request_id=abc status=200 duration_s=0.013"},
		},
		"nginx's access log, when no replica answered": {
			"nginx-a", `{"time":"2026-11-22T07:18:01.200Z","service":"nginx-a","status":502}`,
			logs.Entry{Time: utc("2026-11-22T07:18:01.2Z"), Level: logs.Err, Text: "status=502"},
		},
		"nginx's error log": {
			"nginx-b", "2026/11/22 07:18:01 [crit] 12#12: *1 open() failed",
			logs.Entry{Time: local("2026-11-22 07:18:01.000"), Level: logs.Err, Text: "2026/11/22 07:18:01 [crit] 12#12: *1 open() failed"},
		},
		"Redis": {
			"redis-1", "77:M 22 Nov 2026 07:18:01.123 * Ready to accept connections",
			logs.Entry{Time: local("2026-11-22 07:18:01.123"), Level: logs.Info, Text: "77:M 22 Nov 2026 07:18:01.123 * Ready to accept connections"},
		},
		"Sentinel": {
			"sentinel-1", "77:X 22 Nov 2026 07:18:01.123 # +sdown master evergreen",
			logs.Entry{Time: local("2026-11-22 07:18:01.123"), Level: logs.Warn, Text: "77:X 22 Nov 2026 07:18:01.123 # +sdown master evergreen"},
		},
		"a start script": {
			"redis-1", "2026-11-22T07:18:01Z start: I start as primary",
			logs.Entry{Time: utc("2026-11-22T07:18:01Z"), Level: logs.Info, Text: "2026-11-22T07:18:01Z start: I start as primary"},
		},
		"Prometheus 2": {
			"prometheus", `ts=2026-11-22T07:18:01.123Z caller=main.go:1 level=warn msg="slow"`,
			logs.Entry{Time: utc("2026-11-22T07:18:01.123Z"), Level: logs.Warn, Text: `ts=2026-11-22T07:18:01.123Z caller=main.go:1 level=warn msg="slow"`},
		},
		"Prometheus 3 and the exporters": {
			"redis-exporter", `time="2026-11-22T07:18:01Z" level=error msg="no"`,
			logs.Entry{Time: utc("2026-11-22T07:18:01Z"), Level: logs.Err, Text: `time="2026-11-22T07:18:01Z" level=error msg="no"`},
		},
		"a panic":                {"api-1", "panic: runtime error", logs.Entry{Level: logs.Err, Text: "panic: runtime error"}},
		"JSON that was cut off":  {"api-1", `{"time":"2026-11-22T07:18:01Z","msg":"requ`, logs.Entry{Level: logs.Info, Text: `{"time":"2026-11-22T07:18:01Z","msg":"requ`}},
		"what nobody knows":      {"api-1", "hello", logs.Entry{Level: logs.Info, Text: "hello"}},
		"what is no text at all": {"api-1", "\x00\xff{", logs.Entry{Level: logs.Info, Text: "\x00\xff{"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := logs.Parse(c.instance, c.line)
			require.WithinDuration(t, c.want.Time, got.Time, 0)
			c.want.Instance, c.want.Time, got.Time = c.instance, time.Time{}, time.Time{}
			require.Equal(t, c.want, got)
		})
	}
}

func printed(env map[string]string, entries ...logs.Entry) string {
	var out strings.Builder
	p := logs.NewPrinter(&out, func(name string) string { return env[name] })
	for _, e := range entries {
		p.Print(e)
	}
	return out.String()
}

func TestColoursAreForTerminalsUnlessSomebodyForcesOrForbidsThem(t *testing.T) {
	t.Parallel()
	e := logs.Entry{Instance: "api-1", Level: logs.Err, Text: "no primary", Time: time.Date(2026, 11, 22, 7, 18, 1, 5e6, time.Local)}
	require.Equal(t, "07:18:01.005 api-1 ERROR no primary\n", printed(nil, e), "this is no terminal")
	forced := printed(map[string]string{"FORCE_COLOR": "1"}, e)
	require.Contains(t, forced, "\x1b[1;31mERROR no primary\x1b[0m")
	require.NotContains(t, printed(map[string]string{"FORCE_COLOR": "1", "NO_COLOR": "1"}, e), "\x1b")
}

func TestEachServiceHasAColourOfItsOwnAndKeepsIt(t *testing.T) {
	t.Parallel()
	lines := strings.Split(printed(map[string]string{"FORCE_COLOR": "1"},
		logs.Entry{Instance: "api-1", Text: "1"}, logs.Entry{Instance: "api-2", Text: "2"}, logs.Entry{Instance: "api-1", Text: "1"}), "\n")
	require.Equal(t, lines[0], lines[2])
	require.NotEqual(t, strings.Split(lines[0], "api-1")[0], strings.Split(lines[1], "api-2")[0])
}

func TestNothingThatALogSaysIsObeyedByTheTerminal(t *testing.T) {
	t.Parallel()
	require.Equal(t, `\x1b]0;gotcha\x07 \x00\xff é`, logs.Clean("\x1b]0;gotcha\x07\t\x00\xff é"))
	long := logs.Clean(strings.Repeat("é", 1<<20))
	require.Less(t, len(long), 10<<10)
	require.True(t, strings.HasSuffix(long, " bytes more)"))
}
