package web

import (
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"evergreen/services/internal/fault"
)

// IsID says whether s is a UUID in the one form that we write: 36 lower-case
// characters. Anything else cannot name a thing of ours.
func IsID(s string) bool {
	id, err := uuid.Parse(s)
	return err == nil && id.String() == s
}

// NewID makes a UUIDv7: ids sort by the time of their making.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// PathID refuses a path whose :id cannot be an id, before anything is asked.
func PathID(c *gin.Context) {
	if id := c.Param("id"); id != "" && !IsID(id) {
		Fail(c, fault.BadParameter("id", "bad-id", "The id in the path is not a UUID in lower case."))
	}
}

// isDay accepts what date_manufactured may be.
func isDay(s string) bool {
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		return true
	}
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

// Time renders milliseconds since 1970 as RFC 3339 in UTC.
func Time(milliseconds int64) string {
	return time.UnixMilli(milliseconds).UTC().Format("2006-01-02T15:04:05.000Z")
}
