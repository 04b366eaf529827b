package web

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
)

func TestANameOf200BytesIsShownWholeAndALongerOneIsCutBetweenCharacters(t *testing.T) {
	for name, want := range map[string]string{
		strings.Repeat("a", 200):             strings.Repeat("a", 200),
		strings.Repeat("a", 201):             strings.Repeat("a", 199) + "…",
		strings.Repeat("a", 198) + "€€":      strings.Repeat("a", 198) + "…", // the cut would be after the first byte of three
		strings.Repeat("a", 196) + "€€€":     strings.Repeat("a", 196) + "€…",
		strings.Repeat("\x80", 201):          "…", // no character begins
		"/" + strings.Repeat("a", 199) + "b": "/" + strings.Repeat("a", 198) + "…",
	} {
		got := shorten(name)
		require.Equal(t, want, got)
		require.True(t, utf8.ValidString(got))
	}
}

func TestAnIDIsAUUIDInItsOneForm(t *testing.T) {
	require.True(t, IsID("01a2205a-7ff2-70bd-aa5a-a426e205e044"))
	require.True(t, IsID(NewID()))
	for _, wrong := range []string{
		"", "x", "01A2205A-7FF2-70BD-AA5A-A426E205E044", "{01a2205a-7ff2-70bd-aa5a-a426e205e044}",
		"urn:uuid:01a2205a-7ff2-70bd-aa5a-a426e205e044", "01a2205a7ff270bdaa5aa426e205e044", "01a2205a-7ff2-70bd-aa5a-a426e205e04g",
	} {
		require.False(t, IsID(wrong), wrong)
	}
}

func TestIfMatchIsOneEntityTagOrAStar(t *testing.T) {
	for _, row := range []struct {
		sent []string
		want int64
	}{
		{nil, AnyVersion},
		{[]string{"*"}, AnyVersion},
		{[]string{` "7" `}, 7},
		{[]string{`"7.2"`}, 7},
		{[]string{`"9223372036854775807"`}, 9223372036854775807},
	} {
		c, _ := asked("", http.Header{"If-Match": row.sent})
		version, err := IfMatch(c)
		require.NoError(t, err, row.sent)
		require.Equal(t, row.want, version, row.sent)
	}
	for _, sent := range [][]string{
		{""}, {"7"}, {`"7","8"`}, {`"7"`, `"8"`}, {`"7"`, `"7"`}, {"*", "*"}, {`"9223372036854775808"`},
	} {
		c, w := asked("", http.Header{"If-Match": sent})
		_, err := IfMatch(c)
		requireProblem(t, c, w, err, "If-Match")
	}
}

func TestAnIdempotencyKeyIsSentOnceAndHasOneTo255Characters(t *testing.T) {
	for _, sent := range [][]string{{"k"}, {strings.Repeat("k", 255)}} {
		c, _ := asked("", http.Header{"Idempotency-Key": sent})
		_, err := name(c)
		require.NoError(t, err)
	}
	for _, sent := range [][]string{{""}, {strings.Repeat("k", 256)}, {"k", "k"}, {"k", ""}, {"a b"}, {"ä"}} {
		c, w := asked("", http.Header{"Idempotency-Key": sent})
		_, err := name(c)
		requireProblem(t, c, w, err, "Idempotency-Key")
	}
}

func TestAProblemSaysWhatShouldHaveStoodThereInTheWordsOfJSON(t *testing.T) {
	for want, of := range map[string]reflect.Type{
		"This has to be a whole number within range.": reflect.TypeFor[int64](),
		"This has to be a string.":                    reflect.TypeFor[string](),
		"This has to be an array.":                    reflect.TypeFor[[]string](),
		"This has to be true or false.":               reflect.TypeFor[bool](),
		"This has to be an object.":                   reflect.TypeFor[map[string]string](),
		"This value is of the wrong type.":            nil,
	} {
		require.Equal(t, want, expected(&json.SemanticError{GoType: of}))
	}
}
