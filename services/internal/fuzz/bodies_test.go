package fuzz_test

import (
	stdjson "encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/openapi"
	"evergreen/services/internal/openapi/conform"
	"evergreen/services/internal/products"
	"evergreen/services/internal/purchases"
	"evergreen/services/internal/sessions"
	"evergreen/services/internal/users"
	"evergreen/services/internal/web"
)

// bodies are the inputs, by the names of their schemas. Each reads a body as its
// handler does and gives what it read, rendered again.
var bodies = map[string]func([]byte) ([]byte, error){
	"SignUp":      read[users.SignUp],
	"Login":       read[sessions.Login],
	"Adjustment":  read[products.AdjustInput],
	"NewPurchase": read[purchases.CreateInput],
	"Payment":     read[purchases.PayInput],
	"Refund":      read[purchases.RefundInput],
	"NewProduct": func(body []byte) ([]byte, error) {
		var in products.CreateInput
		if err := decode(body, &in); err != nil {
			return nil, err
		}
		if err := in.Check(); err != nil {
			return nil, err
		}
		return json.Marshal(in, json.Deterministic(true))
	},
}

func read[T any](body []byte) ([]byte, error) {
	var in T
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	return json.Marshal(in, json.Deterministic(true))
}

func decode[T any](body []byte, in *T) error {
	if err := web.Unmarshal(body, in); err != nil {
		return err
	}
	return web.Validate(*in)
}

// What is accepted is JSON for others, too, is allowed by the document, and
// reads the same once it is rendered; what is not is told by name.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		`{"email":"ann@example.com","password":"correct horse battery","first_name":"Ann","last_name":"Lee"}`,
		`{"delta":-5,"reason":"count","external_ref":"r"}`,
		`{"items":[{"product_id":"01934f4e-6c5a-7b3e-9d52-0a4f8c7b6e21","quantity":2,"unit_price":{"amount":5,"currency":"EUR"}}],"external_ref":"o"}`,
		`{"items":[{"product_id":"01934f4e-6c5a-7b3e-9d52-0a4f8c7b6e21","quantity":2}]}`,
		`{"reference":"pi_1"}`, `{}`, `null`, `[]`, `{"items":null}`, `{"name":null}`, "{\"a\":\"\xff\"}", `{"a":1,"a":2}`,
		`{"sku":"A","family":"a-b","options":{"Size":"L"},"name":"x","description":"a\nb","tags":["t"],"attributes":{"a":1.5,"b":true,"c":"d"},` +
			`"price":{"amount":1999,"currency":"EUR"},"stock":7,"date_manufactured":"2026-01-31"}`,
		`{"name":"x","price":{"amount":1e2,"currency":"EUR"}}`, `{"name":"x","price":{"currency":"EUR"},"options":{"A.B[0]":null}}`,
		`{"name":" ","price":{"amount":1,"currency":"XXX"},"attributes":{"a":1e999}}`,
	} {
		for name := range bodies {
			f.Add(name, []byte(body))
		}
	}
	document, err := conform.New(openapi.Document())
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		read, known := bodies[name]
		if !known {
			return
		}
		rendered, err := read(body)
		if err != nil {
			requireTold(t, err)
			return
		}
		var value any
		require.NoError(t, stdjson.Unmarshal(body, &value), "%s", body)
		require.NoError(t, document.Schema(name).VisitJSON(value), "%s", body)
		again, err := read(rendered)
		require.NoError(t, err, "%s of %s", rendered, body)
		require.Equal(t, string(rendered), string(again))
	})
}

// requireTold demands a refusal that a client can use.
func requireTold(t *testing.T, err error) {
	t.Helper()
	var refusal *fault.Error
	require.ErrorAs(t, err, &refusal)
	require.Contains(t, []fault.Kind{fault.Malformed, fault.Invalid}, refusal.Kind)
	require.NotEmpty(t, refusal.Fields)
	for _, field := range refusal.Fields {
		require.True(t, field.Pointer == "" || strings.HasPrefix(field.Pointer, "/"), field.Pointer)
		require.True(t, utf8.ValidString(field.Pointer), "%q", field.Pointer)
		require.LessOrEqual(t, len(field.Pointer), 202)
		require.NotEmpty(t, field.Code)
		require.NotEmpty(t, field.Detail)
		require.True(t, utf8.ValidString(field.Detail), "%q", field.Detail)
	}
}
