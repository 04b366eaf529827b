package web

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/go-playground/validator/v10"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/money"
)

var validate = newValidator()

// newValidator adds the shop's own rules to the library's.
func newValidator() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		return strings.Split(f.Tag.Get("json"), ",")[0]
	})
	rules := map[string]func(string) bool{
		"currency":  money.KnownCurrency,
		"plain":     isPlain,
		"multiline": IsText,
		"filled":    isFilled,
		"handle":    regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString,
		"id":        IsID,
		"day":       isDay,
	}
	for name, rule := range rules {
		if err := v.RegisterValidation(name, func(f validator.FieldLevel) bool { return rule(f.Field().String()) }); err != nil {
			panic(err)
		}
	}
	return v
}

// isPlain holds for text on one line: no control characters, which would only
// ever come in by mistake or to deceive a log or a terminal.
func isPlain(s string) bool { return strings.IndexFunc(s, unicode.IsControl) < 0 }

// IsText holds for text that may have line breaks and tabs.
func IsText(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }) < 0
}

// isFilled holds for text that has more than white space, and for none at all:
// whether there has to be some is for another rule to say.
func isFilled(s string) bool { return s == "" || strings.TrimSpace(s) != "" }

// Validate checks value's validate tags and names every member that is wrong.
func Validate(value any) error {
	err := validate.Struct(value)
	var wrong validator.ValidationErrors
	if !errors.As(err, &wrong) {
		return err
	}
	fields := make([]fault.Field, 0, len(wrong))
	for _, w := range wrong {
		code, detail := explain(w)
		fields = append(fields, fault.Field{Pointer: pointer(w.Namespace()), Code: code, Detail: detail})
	}
	return fault.New(fault.Invalid, "invalid", "The request has values that are not allowed.", fields...)
}

// goStruct are the embedded Go structs in a namespace, which JSON does not know.
var goStruct = regexp.MustCompile(`^([A-Z]\w*\.)+`)

// WrongMember is the entry of errors for the member at a path of names.
func WrongMember(code, detail string, path ...string) fault.Field {
	at := jsontext.Pointer("")
	for _, name := range path {
		at = at.AppendToken(name)
	}
	return fault.Field{Pointer: where(at), Code: code, Detail: detail}
}

// pointer turns the validator's `Input.items[0].quantity` into
// `/items/0/quantity`. The name of a map's entry stands in brackets, too, and may
// have any character; as no map of ours holds structs, it reaches to the end.
func pointer(namespace string) string {
	path := goStruct.ReplaceAllString(namespace, "")
	at := jsontext.Pointer("")
	if name, entry, inside := strings.Cut(path, "["); inside && strings.HasSuffix(entry, "]") {
		return where(at.AppendToken(name).AppendToken(strings.TrimSuffix(entry, "]")))
	}
	for _, token := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		at = at.AppendToken(token)
	}
	return where(at)
}

func explain(w validator.FieldError) (code, detail string) {
	switch tag := w.Tag(); tag {
	case "required":
		if w.Kind() == reflect.Int64 {
			return "required", "This is required, and is not 0."
		}
		return "required", "This is required."
	case "min", "gte":
		return "too-small", "The least is " + w.Param() + unit(w) + "."
	case "max", "lte":
		return "too-large", "The most is " + w.Param() + unit(w) + "."
	case "email":
		return "bad-email", "This is not an email address."
	case "currency":
		return "bad-currency", "This is not an ISO 4217 currency code in capitals."
	case "plain", "multiline":
		return "control-character", "Control characters are not allowed."
	case "filled":
		return "blank", "This has nothing but white space."
	case "handle":
		return "bad-handle", "A handle has lower-case letters, digits and single hyphens."
	case "id":
		return "bad-id", "This is not an id (UUID)."
	case "day":
		return "bad-date", "This is not a date such as 2026-11-21, nor an RFC 3339 time."
	case "oneof":
		return "not-allowed", "This is one of: " + w.Param() + "."
	case "unique":
		return "duplicate", "The values have to differ."
	default:
		return "invalid", "This value is not allowed."
	}
}

func unit(w validator.FieldError) string {
	switch w.Kind() {
	case reflect.String:
		return " characters"
	case reflect.Slice, reflect.Map:
		return " entries"
	}
	return ""
}
