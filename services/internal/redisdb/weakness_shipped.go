//go:build !drill

package redisdb

// What ships has all its safeguards. In a program built for the drill these
// take some out, so that the drill can be seen to notice it: weakness_drill.go.

func weaken(*committer) {}

func weakened(prelude string) string { return prelude }

func flagged(flags string) string { return flags }

func reserving(percent int) int { return percent }
