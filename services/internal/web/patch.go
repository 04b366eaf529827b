package web

import (
	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/fault"
)

// DecodeMergePatch reads the body of a PATCH (RFC 7396), which has to be an
// object; Merge looks at its members.
func DecodeMergePatch(c *gin.Context) ([]byte, error) {
	body, err := readBody(c, "application/merge-patch+json", "application/json")
	if err != nil {
		return nil, err
	}
	var object map[string]jsontext.Value
	if err := unmarshal(body, &object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, fault.InvalidField("", "wrong-type", "A merge patch is a JSON object.")
	}
	return body, nil
}

// Merge applies a merge patch to current and checks what comes out. The patch
// itself is read as a T first: merging would let an unknown member pass whose
// value is null, for it removes what was never there.
func Merge[T any](current T, patch []byte) (T, error) {
	var merged, probe T
	if err := unmarshal(patch, &probe); err != nil {
		return merged, err
	}
	text, err := json.Marshal(current)
	if err != nil {
		return merged, err
	}
	if text, err = jsonpatch.MergePatch(text, patch); err != nil {
		return merged, fault.Wrap(err, fault.Malformed, "bad-patch", "The body is not a merge patch.")
	}
	if err := Unmarshal(text, &merged); err != nil {
		return merged, err
	}
	return merged, Validate(merged)
}
