package web

import (
	"errors"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/fault"
)

// Decode reads a JSON body into T: unknown and duplicated members, wrong types
// and bad UTF-8 are refused by name, then T's validate tags are checked.
func Decode[T any](c *gin.Context) (T, error) {
	var value T
	body, err := readBody(c, "application/json")
	if err != nil {
		return value, err
	}
	if err := Unmarshal(body, &value); err != nil {
		return value, err
	}
	return value, Validate(value)
}

// NoBody refuses a body that says something, for actions that take none: whoever
// sends one means more than will be done. An empty object is let through, because
// many clients always send one.
func NoBody(c *gin.Context) error {
	body, err := readAll(c)
	if err != nil || len(strings.TrimSpace(string(body))) == 0 {
		return err
	}
	var nothing struct{}
	return Unmarshal(body, &nothing)
}

// Unmarshal decodes strictly and names the member that is wrong. Null is refused
// everywhere, and whole numbers are written without fraction and exponent.
func Unmarshal(body []byte, target any) error { return unmarshal(body, target, strictly(body)) }

// unmarshal is Unmarshal without the rules that a merge patch may break.
func unmarshal(body []byte, target any, more ...json.Options) error {
	err := json.Unmarshal(body, target, append(more, json.RejectUnknownMembers(true))...)
	if err == nil {
		return nil
	}
	var ours *fault.Error
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName):
		return fault.InvalidField(where(syntactic.JSONPointer), "duplicate", "This member stands twice.")
	case errors.As(err, &syntactic):
		return fault.New(fault.Malformed, "bad-json", "The body is not valid JSON.",
			fault.Field{Pointer: where(syntactic.JSONPointer), Code: "syntax", Detail: syntactic.Err.Error()})
	case errors.As(err, &semantic) && errors.Is(err, json.ErrUnknownName):
		return fault.InvalidField(where(semantic.JSONPointer), "unknown", "There is no such member here.")
	case errors.As(err, &semantic):
		return fault.InvalidField(where(semantic.JSONPointer), "wrong-type", expected(semantic))
	}
	return fault.New(fault.Malformed, "bad-json", "The body is not valid JSON.")
}

// maxName bounds the names that an answer repeats, in bytes: those of members
// that are nested deeply, and of parameters that nobody knows.
const maxName = 200

func where(p jsontext.Pointer) string { return shorten(string(p)) }

func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	end := maxName - 1
	for end > 0 && !utf8.RuneStart(name[end]) {
		end-- // half a character would be no UTF-8
	}
	return name[:end] + "…"
}

// expected says what should have stood there, in JSON's words and not in Go's.
func expected(e *json.SemanticError) string {
	if e.GoType == nil {
		return "This value is of the wrong type."
	}
	switch e.GoType.Kind().String() {
	case "int", "int64", "int32":
		return "This has to be a whole number within range."
	case "string":
		return "This has to be a string."
	case "slice":
		return "This has to be an array."
	case "bool":
		return "This has to be true or false."
	case "struct", "map":
		return "This has to be an object."
	}
	return "This value is of the wrong type."
}

func readBody(c *gin.Context, types ...string) ([]byte, error) {
	if coding := c.GetHeader("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, fault.New(fault.UnsupportedMediaType, "unsupported-media-type", "Send the body as it is, not compressed.",
			fault.Field{Parameter: "Content-Encoding", Code: "unsupported", Detail: "Expected identity, or none."})
	}
	sent, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if charset := params["charset"]; err == nil && charset != "" && !strings.EqualFold(charset, "utf-8") {
		sent = "another charset"
	}
	for _, accepted := range types {
		if err == nil && sent == accepted {
			return readAll(c)
		}
	}
	return nil, fault.New(fault.UnsupportedMediaType, "unsupported-media-type",
		"Send the body as "+types[0]+" in UTF-8.",
		fault.Field{Parameter: "Content-Type", Code: "unsupported", Detail: "Expected " + strings.Join(types, " or ") + "."})
}
