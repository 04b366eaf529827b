//go:build drill

package web

import (
	"math"
	"os"
	"slices"
	"strings"
)

// The defences of this package that a program built for the drill can lack. The names of all weaknesses are in
// redisdb/weakness_drill.go, which reads the same setting.
const (
	noScanBound    = "no-scan-bound"     // pages examine ten times as many ids as the bound allows
	noUserRate     = "no-user-rate"      // a user sends as many requests as they like
	noReadQueue    = "no-read-queue"     // an address makes as many strong reads as it likes
	noSignInMemory = "no-sign-in-memory" // sign-ins are not counted while Redis cannot be asked
	noBodyBound    = "no-body-bound"     // the memory of bodies, and of what they are decoded to, is not bounded
	noAnswerBound  = "no-answer-bound"   // the memory of answers is not bounded, nor is a page of a list
)

// without says that a defence was taken out of this program.
func without(weakness string) bool {
	return slices.Contains(strings.Split(os.Getenv("SHOP_WEAKNESS"), ","), weakness)
}

// mostExamined is how many ids one page of a filtered list examines.
func mostExamined() int {
	if without(noScanBound) {
		return 10 * collectMost
	}
	return collectMost
}

// MostPage is how many bytes of items one page of a list has before it ends.
func MostPage() int {
	if without(noAnswerBound) {
		return math.MaxInt
	}
	return pageBytes
}
