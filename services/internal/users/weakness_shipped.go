//go:build !drill

package users

import "evergreen/services/internal/lane"

// What ships has all its defences. A program that is built for the drill can lack some: weakness_drill.go.

// hashesFirst reports whether a password is hashed before all the rest is checked, and without limit.
func hashesFirst() bool { return false }

func lanes() [purposes]*lane.Lane { return separateLanes() }
