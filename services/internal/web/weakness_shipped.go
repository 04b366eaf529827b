//go:build !drill

package web

// What ships has all its defences. A program that is built for the drill can lack some: weakness_drill.go.
const (
	noUserRate     = ""
	noSignInMemory = ""
	noReadQueue    = ""
	noBodyBound    = ""
	noAnswerBound  = ""
)

func without(string) bool { return false }

// MostPage is how many bytes of items one page of a list has before it ends.
func MostPage() int { return pageBytes }

// mostExamined is how many ids one page of a filtered list examines.
func mostExamined() int { return collectMost }
