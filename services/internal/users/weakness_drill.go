//go:build drill

package users

import (
	"math"
	"os"
	"slices"
	"strings"

	"evergreen/services/internal/lane"
)

// noHashBound is the weakness of a program that hashes a new password before it checks the rest, without a limit, and in two
// slots for all purposes with an endless queue. The names of all weaknesses are in redisdb/weakness_drill.go, which reads the
// same setting.
const noHashBound = "no-hash-bound"

// hashesFirst reports whether a password is hashed before all the rest is checked, and without limit.
func hashesFirst() bool {
	return slices.Contains(strings.Split(os.Getenv("SHOP_WEAKNESS"), ","), noHashBound)
}

func lanes() [purposes]*lane.Lane {
	if !hashesFirst() {
		return separateLanes()
	}
	one := lane.New(2, math.MaxInt32)
	return [purposes]*lane.Lane{one, one, one}
}
