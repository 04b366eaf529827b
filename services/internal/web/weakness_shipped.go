//go:build !drill

package web

// What ships has all its defences. A program that is built for the drill can lack some: weakness_drill.go.
const (
	noUserRate     = ""
	noSignInMemory = ""
	noReadQueue    = ""
)

func without(string) bool { return false }

// mostExamined is how many ids one page of a filtered list examines.
func mostExamined() int { return collectMost }
