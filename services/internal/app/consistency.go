package app

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// consistencyToken is the header of read-your-writes: a write's answer carries
// it, and a read that sends it back sees that write.
const consistencyToken = "Consistency-Token"

// consistency tells the reads of a request how strong they have to be, and the
// client what came of them: `Cache-Control: no-cache` makes a read as strong as
// a write, a Consistency-Token makes it see at least that write, and an answer
// that is older than the bound, for want of a primary, says its Age.
func consistency(c *gin.Context) {
	reading := redisdb.Reading{
		Wrote: func(seq int64) {
			c.Header(consistencyToken, strconv.FormatInt(seq, 10))
			web.Unsure(c) // what fails from here on fails after a write
		},
	}
	if c.Request.Method == http.MethodGet {
		// What a write answers is never old, though it may have read on its way,
		// its caller's session for one.
		reading.Stale = func(age time.Duration) { c.Header("Age", strconv.Itoa(int(age.Seconds()))) }
		reading.Strong = strings.Contains(c.GetHeader("Cache-Control"), "no-cache")
		if sent := c.Request.Header.Values(consistencyToken); len(sent) > 0 {
			seq, err := strconv.ParseInt(sent[0], 10, 64)
			if err != nil || seq < 1 || len(sent) > 1 || strconv.FormatInt(seq, 10) != sent[0] {
				web.Fail(c, redisdb.ErrBadToken)
				return
			}
			reading.AtLeast = seq
		}
	}
	c.Request = c.Request.WithContext(redisdb.WithReading(c.Request.Context(), reading))
}
