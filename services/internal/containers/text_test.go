package containers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASizeIsReadAsDockerStatsWritesIt(t *testing.T) {
	for text, want := range map[string]int64{"0B": 0, "812KiB": 812 << 10, "12.5MiB": 25 << 19, "1GiB": 1 << 30} {
		size, err := parseSize(text)
		require.NoError(t, err)
		require.Equal(t, want, size, text)
	}
	for _, text := range []string{"", "--", "12.5", "MiB", "12.5MB"} {
		_, err := parseSize(text)
		require.Error(t, err, text)
	}
}

func TestOnlyRequestsThatWereAnsweredWellAreLeftOutOfTheLogs(t *testing.T) {
	for line, left := range map[string]bool{
		`{"time":"2026-11-22T04:55:03Z","level":"INFO","msg":"request","status":201,"duration_ms":6.5}`:                  true,
		`{"time":"2026-11-22T04:55:03+00:00","service":"nginx-a","status":200,"bytes_in":371}`:                           true,
		`{"time":"2026-11-22T04:55:03Z","level":"ERROR","msg":"request","status":503,"error":"no status 200 was heard"}`: false,
		`{"time":"2026-11-22T04:55:03Z","level":"INFO","msg":"the primary is 172.20.0.6"}`:                               false,
		`7:S 22 Nov 2026 04:54:27.639 * Background append only file rewriting started by pid 200`:                        false,
	} {
		require.Equal(t, left, answeredWell.MatchString(line), line)
	}
}
