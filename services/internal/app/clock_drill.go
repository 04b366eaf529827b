//go:build drill

package app

import (
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"evergreen/services/internal/web"
)

// clockOffset names the environment variable that says whose wall clock is off,
// and by how much: "api-1=1h,api-2=-90s". In the place of a duration there may be
// the path of a file that holds one: it is read each time the clock is, so that a
// clock can jump while the replica serves. No file is no offset.
const clockOffset = "SHOP_CLOCK_OFFSET"

// clock gives the replica of that name its wall clock, and the maker of ids that
// goes by it. A real jump changes the wall clock alone: what the program measures
// by differences of time goes by the monotonic clock, so it is left alone here.
func clock(replica string) (now func() time.Time, newID func() string) {
	offset := offsetOf(replica, os.Getenv(clockOffset))
	now = func() time.Time { return time.Now().Add(offset()) }
	newID = func() string { return shifted(web.NewID(), offset()) }
	return now, newID
}

// offsetOf reads the list; what it cannot read is no offset, which the drill
// would notice, for it looks whether the clock was off.
func offsetOf(replica, list string) func() time.Duration {
	for pair := range strings.SplitSeq(list, ",") {
		name, value, both := strings.Cut(strings.TrimSpace(pair), "=")
		switch {
		case !both || name != replica:
		case strings.HasPrefix(value, "/"):
			return func() time.Duration {
				text, _ := os.ReadFile(value)
				offset, _ := time.ParseDuration(strings.TrimSpace(string(text)))
				return offset
			}
		default:
			offset, _ := time.ParseDuration(value)
			return func() time.Duration { return offset }
		}
	}
	return func() time.Duration { return 0 }
}

// shifted gives an id that was made at another time: the first 48 bits of a
// UUIDv7 are milliseconds since 1970.
func shifted(id string, by time.Duration) string {
	made := uuid.MustParse(id)
	var at int64
	for _, b := range made[:6] {
		at = at<<8 | int64(b)
	}
	at += by.Milliseconds()
	for i := 5; i >= 0; i-- {
		made[i] = byte(at)
		at >>= 8
	}
	return made.String()
}
