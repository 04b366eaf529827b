package web

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"unicode"

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
		"multiline": isMultiline,
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

// isMultiline holds for text that may have line breaks and tabs.
func isMultiline(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\n\r\t", r) }) < 0
}

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

// pointer turns the validator's `Input.items[0].quantity` into
// `/items/0/quantity`. Segments with a capital are embedded Go structs, which
// JSON does not know.
func pointer(namespace string) string {
	_, path, _ := strings.Cut(namespace, ".")
	var out strings.Builder
	for _, segment := range strings.Split(path, ".") {
		if segment != "" && unicode.IsUpper([]rune(segment)[0]) {
			continue
		}
		segment = strings.NewReplacer("~", "~0", "/", "~1").Replace(segment)
		out.WriteString("/" + strings.NewReplacer("[", "/", "]", "").Replace(segment))
	}
	return out.String()
}

func explain(w validator.FieldError) (code, detail string) {
	switch tag := w.Tag(); tag {
	case "required":
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
