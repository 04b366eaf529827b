package web

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/fault"
)

// ETag renders a version as an entity tag; products append their stock.
func ETag(version int64, more ...int64) string {
	tag := strconv.FormatInt(version, 10)
	for _, n := range more {
		tag += "." + strconv.FormatInt(n, 10)
	}
	return `"` + tag + `"`
}

// NotModified says whether If-None-Match names etag (weak comparison, RFC 9110 13.1.2).
func NotModified(c *gin.Context, etag string) bool {
	for _, tag := range tags(c, "If-None-Match") {
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

// AnyVersion is what IfMatch gives when any version will do.
const AnyVersion int64 = 0

// ourTag is what ETag renders.
var ourTag = regexp.MustCompile(`^"([1-9][0-9]*)(?:\.[0-9]+)?"$`)

// IfMatch gives the version that If-Match demands, or AnyVersion when it was
// not sent or is "*". Only the version part counts: a sale in between must not
// make an edit stale.
func IfMatch(c *gin.Context) (int64, error) {
	sent := c.Request.Header.Values("If-Match")
	if len(sent) == 0 {
		return AnyVersion, nil
	}
	// One that is there and says nothing is no less wrong: its sender believes
	// that the write is conditional.
	if tag := strings.TrimSpace(sent[0]); len(sent) == 1 && tag == "*" {
		return AnyVersion, nil
	} else if parts := ourTag.FindStringSubmatch(tag); len(sent) == 1 && parts != nil {
		if version, err := strconv.ParseInt(parts[1], 10, 64); err == nil {
			return version, nil
		}
	}
	return 0, fault.BadParameter("If-Match", "bad-etag", "If-Match takes one entity tag as an answer's ETag showed it, or *.")
}

// Stale is the refusal of an If-Match that does not match.
func Stale() error {
	return fault.New(fault.Stale, "stale", "If-Match names another version than the current one. Read it again, then decide.")
}

func tags(c *gin.Context, header string) []string {
	var list []string
	for _, value := range c.Request.Header.Values(header) {
		for _, tag := range strings.Split(value, ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				list = append(list, tag)
			}
		}
	}
	return list
}
