package web

import (
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

// IfMatch gives the version that If-Match demands, or AnyVersion when it was
// not sent or is "*". Only the version part counts: a sale in between must not
// make an edit stale.
func IfMatch(c *gin.Context) (int64, error) {
	sent := tags(c, "If-Match")
	if len(sent) == 0 || (len(sent) == 1 && sent[0] == "*") {
		return AnyVersion, nil
	}
	if len(sent) == 1 && len(sent[0]) > 2 && sent[0][0] == '"' && strings.HasSuffix(sent[0], `"`) {
		text, _, _ := strings.Cut(strings.Trim(sent[0], `"`), ".")
		if version, err := strconv.ParseInt(text, 10, 64); err == nil && version > 0 {
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
