//go:build !drill

package users

// What ships has all its defences. A program that is built for the drill can lack some: weakness_drill.go.

// hashesFirst reports whether a password is hashed before all the rest is checked, and without limit.
func hashesFirst() bool { return false }

func lanes() [purposes]*lane { return separateLanes() }
