package idempotency

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func base() Source {
	return Source{Key: "k", RequestID: "r", User: "u", Method: "POST", Path: "/v1/purchases", Body: []byte(`{"a":1}`)}
}

func TestWhatChangesTheScopeNamesAnotherRecord(t *testing.T) {
	maker := NewMaker([]byte("secret"))
	first := maker.Make(base())
	for name, change := range map[string]func(*Source){
		"key":    func(s *Source) { s.Key = "other" },
		"user":   func(s *Source) { s.User = "other" },
		"method": func(s *Source) { s.Method = "PATCH" },
		"path":   func(s *Source) { s.Path = "/v1/products" },
		"no key": func(s *Source) { s.Key = "" },
	} {
		s := base()
		change(&s)
		require.NotEqual(t, first.Record, maker.Make(s).Record, name)
		require.Equal(t, first.Fingerprint, maker.Make(s).Fingerprint, name)
	}
}

func TestTheBodyChangesTheFingerprintAndNotTheRecord(t *testing.T) {
	maker := NewMaker([]byte("secret"))
	s := base()
	s.Body = []byte(`{"a":2}`)
	require.Equal(t, maker.Make(base()).Record, maker.Make(s).Record)
	require.NotEqual(t, maker.Make(base()).Fingerprint, maker.Make(s).Fingerprint)
}

func TestAKeyOfTheClientsOutlivesTheRequestIDAndOursDoesNot(t *testing.T) {
	maker := NewMaker([]byte("secret"))
	again := base()
	again.RequestID = "another try"
	require.Equal(t, maker.Make(base()).Record, maker.Make(again).Record)
	require.Equal(t, KeyTTL, maker.Make(again).TTL)

	again.Key = ""
	other := again
	other.RequestID = "third"
	require.NotEqual(t, maker.Make(again).Record, maker.Make(other).Record)
	require.Equal(t, OwnTTL, maker.Make(other).TTL)
}

func TestWithoutAUserTheBodyIsTheScope(t *testing.T) {
	maker := NewMaker([]byte("secret"))
	ann, bob := base(), base()
	ann.User, bob.User = "", ""
	bob.Body = []byte(`{"email":"bob@example.com"}`)
	require.NotEqual(t, maker.Make(ann).Record, maker.Make(bob).Record)
}

func TestHashesAreKeyed(t *testing.T) {
	one, two := NewMaker([]byte("one")).Make(base()), NewMaker([]byte("two")).Make(base())
	require.NotEqual(t, one.Fingerprint, two.Fingerprint)
	require.NotEqual(t, one.Record, two.Record)
}
