package web

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Send answers with rendered JSON.
func Send(c *gin.Context, status int, body []byte) {
	c.Data(status, "application/json", body)
}

// Resource answers a read: 200 with the resource, or 304 when the client's copy
// is current. The caller may keep it but has to ask each time.
func Resource(c *gin.Context, etag string, body []byte) {
	madeAnswer(c)
	c.Header("ETag", etag)
	c.Header("Cache-Control", "no-cache")
	if NotModified(c, etag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	Send(c, http.StatusOK, body)
}

// Outcome is the answer of a write that took effect.
type Outcome struct {
	Body     []byte
	ETag     string
	Location string // for 201
	Replayed bool
}

// Done answers a write: 201 with Location where there is one, 200 otherwise.
func Done(c *gin.Context, o Outcome) {
	markReplayed(c, o.Replayed)
	if o.ETag != "" {
		c.Header("ETag", o.ETag)
	}
	if o.Location != "" {
		c.Header("Location", o.Location)
		Send(c, http.StatusCreated, o.Body)
		return
	}
	Send(c, http.StatusOK, o.Body)
}

// Gone answers a deletion.
func Gone(c *gin.Context, replayed bool) {
	markReplayed(c, replayed)
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

func markReplayed(c *gin.Context, replayed bool) {
	if replayed {
		c.Header("Idempotency-Replayed", "true")
	}
}
