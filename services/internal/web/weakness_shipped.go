//go:build !drill

package web

// mostExamined is how many ids one page of a filtered list examines. A program that
// is built for the drill can be without the bound: weakness_drill.go.
func mostExamined() int { return collectMost }
