package fuzz_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/money"
	"evergreen/services/internal/products"
	"evergreen/services/internal/users"
	"evergreen/services/internal/web"
)

func details() products.Details {
	return products.Details{
		SKU: "A-1", Family: "chain", Options: map[string]string{"Color": "Blue", "Size": "L"}, Name: "Chain", Description: "x\ny", Category: "c",
		Company: "d", Tags: []string{"t", "u"}, Attributes: map[string]jsontext.Value{"a": jsontext.Value("1.50"), "b": jsontext.Value("true")},
		Price: &money.Money{Amount: 1999, Currency: "EUR"}, DateManufactured: "2026-01-31",
	}
}

// A merge patch changes what it names and nothing else, gives what may be
// stored, and is idempotent (RFC 7396); what cannot be is told by name.
func FuzzMergePatches(f *testing.F) {
	for _, patch := range []string{
		`{}`, `{"name":"y"}`, `{"name":null}`, `{"sku":null,"tags":null,"options":null}`, `{"price":{"amount":5}}`, `{"price":{"currency":null}}`,
		`{"options":{"Color":null,"Länge":"1"}}`, `{"attributes":{"a":{"b":null}}}`, `{"stock":null}`, `{"email":"b@example.com","password":"correct horse"}`,
		`{"role":"admin"}`, `{"first_name":null}`, `[]`, `null`, `{"tags":[null]}`, `{"a":1,"a":2}`, `{"Name":"x"}`, `{"name":"\u003c\u2028"}`,
	} {
		f.Add([]byte(patch))
	}
	f.Fuzz(func(t *testing.T, patch []byte) {
		holdPatch(t, details(), patch)
		holdPatch(t, users.Profile{Email: "ann@example.com", FirstName: "Ann", LastName: "Lee", Role: "customer"}, patch)
	})
}

func holdPatch[T any](t *testing.T, current T, patch []byte) {
	t.Helper()
	merged, err := web.Merge(current, patch)
	if err != nil {
		requireTold(t, err)
		return
	}
	again, err := web.Merge(merged, patch)
	require.NoError(t, err)
	require.Equal(t, members(t, merged), members(t, again), "%s", patch)

	named := map[string]jsontext.Value{}
	require.NoError(t, json.Unmarshal(patch, &named))
	before, after := members(t, current), members(t, merged)
	for name, value := range named {
		delete(before, name)
		delete(after, name)
		require.NotContains(t, []string{"id", "stock", "version"}, name, "%s", value)
	}
	require.Equal(t, before, after, "%s", patch)
}

func members(t *testing.T, value any) map[string]string {
	t.Helper()
	text, err := json.Marshal(value, json.Deterministic(true))
	require.NoError(t, err)
	raw, all := map[string]jsontext.Value{}, map[string]string{}
	require.NoError(t, json.Unmarshal(text, &raw))
	for name, member := range raw {
		all[name] = string(member)
	}
	return all
}
