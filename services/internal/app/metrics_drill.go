//go:build drill

package app

import (
	"os"
	"slices"
	"strings"
)

// withoutMetrics names the environment variable that lists the replicas, separated
// by commas, that count nothing: what counting costs is measured against them.
const withoutMetrics = "SHOP_WITHOUT_METRICS"

func unmetered(replica string) bool {
	return slices.Contains(strings.Split(os.Getenv(withoutMetrics), ","), replica)
}
