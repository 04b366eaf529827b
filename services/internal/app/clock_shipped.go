//go:build !drill

package app

import (
	"time"

	"evergreen/services/internal/web"
)

// clock gives a replica its wall clock, and the maker of ids that goes by it: the
// host's. Only a program built for the drill (clock_drill.go) can be made to err.
func clock(string) (now func() time.Time, newID func() string) { return time.Now, web.NewID }
