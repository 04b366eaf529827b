package openapi_test

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/money"
	"evergreen/services/internal/openapi"
	"evergreen/services/internal/openapi/conform"
	"evergreen/services/internal/products"
	"evergreen/services/internal/purchases"
	"evergreen/services/internal/sessions"
	"evergreen/services/internal/users"
)

func checker(t *testing.T) *conform.Checker {
	t.Helper()
	c, err := conform.New(openapi.Document())
	require.NoError(t, err)
	return c
}

// The structs that bodies are decoded into, and the schemas that describe them.
// In a patch nothing is required, and a map may have nulls beside its entries.
func TestTheDocumentHasTheValidatorsLimits(t *testing.T) {
	c := checker(t)
	for _, row := range []struct {
		schema string
		input  any
		patch  bool
	}{
		{"SignUp", users.SignUp{}, false}, {"UserPatch", users.Profile{}, true}, {"Login", sessions.Login{}, false},
		{"NewProduct", products.CreateInput{}, false}, {"ProductPatch", products.Details{}, true},
		{"Adjustment", products.AdjustInput{}, false}, {"NewPurchase", purchases.CreateInput{}, false},
		{"Line", purchases.Line{}, false}, {"Payment", purchases.PayInput{}, false}, {"Refund", purchases.RefundInput{}, false},
		{"RefundLine", purchases.RefundLine{}, false}, {"Money", money.Money{}, false},
	} {
		t.Run(row.schema, func(t *testing.T) {
			schema, required := c.Schema(row.schema), []string{}
			members := membersOf(reflect.TypeOf(row.input))
			requireMembers(t, schema, members)
			for name, field := range members {
				l := limits{t: t, name: name, patch: row.patch}
				if l.hold(schema.Properties[name].Value, field.Type, strings.Split(field.Tag.Get("validate"), ",")) {
					required = append(required, name)
				}
			}
			if row.schema == "Money" {
				// Validators take 0 for no amount; the document wants it said.
				required = append(required, "amount")
			}
			if !row.patch {
				require.ElementsMatch(t, required, schema.Required)
			}
		})
	}
}

// What is answered, and the schemas of it: the same members on both sides.
func TestTheDocumentHasTheMembersThatAreAnswered(t *testing.T) {
	c := checker(t)
	for schema, output := range map[string]any{
		"User": users.User{}, "NewSession": sessions.Session{}, "Ledger": products.Ledger{}, "Item": purchases.Item{},
		"Money": money.Money{}, "Wrong": fault.Field{},
	} {
		requireMembers(t, c.Schema(schema), membersOf(reflect.TypeOf(output)))
	}
}

func requireMembers(t *testing.T, schema *openapi3.Schema, members map[string]reflect.StructField) {
	t.Helper()
	require.NotNil(t, schema)
	require.NotNil(t, schema.AdditionalProperties.Has)
	require.False(t, *schema.AdditionalProperties.Has, "an undocumented member would pass")
	var documented, there []string
	for name := range schema.Properties {
		documented = append(documented, name)
	}
	for name := range members {
		there = append(there, name)
	}
	require.ElementsMatch(t, there, documented)
}

// membersOf gives the JSON members of a struct, those of embedded ones too.
func membersOf(of reflect.Type) map[string]reflect.StructField {
	members := map[string]reflect.StructField{}
	for _, field := range reflect.VisibleFields(of) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			members[name] = field
		}
	}
	return members
}

// limits holds one member's validate tags against its schema.
type limits struct {
	t     *testing.T
	name  string
	patch bool
}

// The patterns of the shop's own rules.
var patterns = map[string]string{
	"plain": `^[^\x00-\x1f\x7f-\x9f]*$`, "multiline": `^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$`,
	"handle": `^[a-z0-9]+(-[a-z0-9]+)*$`, "currency": `^[A-Z]{3}$`, "day": `^\d{4}-\d\d-\d\d(T.+)?$`,
	"id": `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`,
}

// hold checks rules up to dive, and what follows on the entries. It says
// whether the member is required.
func (l limits) hold(schema *openapi3.Schema, of reflect.Type, rules []string) (required bool) {
	l.t.Helper()
	if len(schema.AllOf) == 1 { // a reference with a description of its own
		schema = schema.AllOf[0].Value
	}
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	for i, rule := range rules {
		tag, value, _ := strings.Cut(rule, "=")
		switch {
		case tag == "dive":
			l.entries(schema, of, rules[i+1:])
			return required
		case tag == "required":
			required = true
		case tag == "min", tag == "max":
			l.bound(schema, of.Kind(), tag, value)
		case tag == "unique":
			require.True(l.t, schema.UniqueItems, l.name)
		case tag == "email":
			require.Equal(l.t, "email", schema.Format, l.name)
		case tag == "oneof":
			require.ElementsMatch(l.t, strings.Fields(value), schema.Enum, l.name)
		case patterns[tag] != "":
			require.Equal(l.t, patterns[tag], schema.Pattern, l.name)
		default:
			// That text is not blank the document says once for all, in words.
			require.Contains(l.t, []string{"", "omitempty", "filled"}, tag, "%s: what does this rule say of the schema?", l.name)
		}
	}
	if required && of.Kind() == reflect.String && schema.Format != "email" && schema.Pattern != patterns["id"] && schema.Pattern != patterns["currency"] {
		require.Positive(l.t, schema.MinLength, "%s: an empty string counts as none", l.name)
	}
	return required
}

func (l limits) entries(schema *openapi3.Schema, of reflect.Type, rules []string) {
	l.t.Helper()
	if of.Kind() == reflect.Slice {
		l.hold(schema.Items.Value, of.Elem(), rules)
		return
	}
	// The rules of a map's names cannot be said in OpenAPI 3.0; its text has them.
	if end := slices.Index(rules, "endkeys"); end >= 0 {
		rules = rules[end+1:]
	}
	if entry := schema.AdditionalProperties.Schema.Value; len(rules) > 0 {
		l.hold(entry, of.Elem(), rules)
	}
}

func (l limits) bound(schema *openapi3.Schema, kind reflect.Kind, tag, value string) {
	l.t.Helper()
	want, err := strconv.ParseInt(value, 10, 64)
	require.NoError(l.t, err)
	if kind == reflect.Map && l.patch {
		return
	}
	least, most := map[reflect.Kind]any{
		reflect.String: schema.MinLength, reflect.Slice: schema.MinItems, reflect.Map: schema.MinProps, reflect.Int64: schema.Min,
	}, map[reflect.Kind]any{
		reflect.String: schema.MaxLength, reflect.Slice: schema.MaxItems, reflect.Map: schema.MaxProps, reflect.Int64: schema.Max,
	}
	got := most[kind]
	if tag == "min" {
		got = least[kind]
	}
	number := reflect.Indirect(reflect.ValueOf(got))
	require.True(l.t, number.IsValid(), "%s has no %s", l.name, tag)
	require.Equal(l.t, want, number.Convert(reflect.TypeFor[int64]()).Int(), "%s: %s", l.name, tag)
}
