//go:build drill

package web

import (
	"os"
	"slices"
	"strings"
)

// noScanBound is the weakness of a program whose pages examine ten times as many ids as
// the bound allows. The names of all weaknesses are in redisdb/weakness_drill.go,
// which reads the same setting.
const noScanBound = "no-scan-bound"

// mostExamined is how many ids one page of a filtered list examines.
func mostExamined() int {
	if slices.Contains(strings.Split(os.Getenv("SHOP_WEAKNESS"), ","), noScanBound) {
		return 10 * collectMost
	}
	return collectMost
}
