package products

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/fault"
)

const bare = `"options":null,"name":"A","description":"","category":"","company":"","tags":null,"attributes":null,"price":null,` +
	`"version":1,"created_at":"","updated_at":""`

func TestTheStockStandsOnceInAnAnswerWhateverIsStored(t *testing.T) {
	for name, row := range map[string]struct{ more, want string }{
		"nothing more":                      {``, ``},
		"another member":                    {`,"season":1`, `,"season":1`},
		"a member of that name":             {`,"stock":{"north":1}`, ``},
		"both":                              {`,"stock":8,"season":{"a":[1,2]}`, `,"season":{"a":[1,2]}`},
		"the name deeper in":                {`,"season":{"stock":1}`, `,"season":{"stock":1}`},
		"the name in a text":                {`,"season":"\"stock\":1"`, `,"season":"\"stock\":1"`},
		"the name deeper in and at the top": {`,"a":{"stock":1},"stock":2`, `,"a":{"stock":1}`},
	} {
		var stored body
		require.NoError(t, json.Unmarshal([]byte(`{"id":"x",`+bare+row.more+`}`), &stored), name)
		text, err := stored.render()
		require.NoError(t, err, name)
		var want body
		require.NoError(t, json.Unmarshal([]byte(`{"id":"x",`+bare+row.want+`}`), &want), name)
		rest, err := want.render()
		require.NoError(t, err, name)
		require.Equal(t, string(rest[:len(rest)-1])+`,"stock":7}`, string(withStock(string(text), 7)), name)
		if row.more != "" {
			require.Contains(t, string(text), row.more[1:], "it stays in what is stored")
		}
	}
}

func TestMembersOfANewerVersionInsideThePriceSurvive(t *testing.T) {
	const text = `{"id":"x","options":{},"name":"A","description":"","category":"","company":"","tags":[],"attributes":{},` +
		`"version":1,"created_at":"","updated_at":"","season":{"a":1},"price":{"amount":5,"currency":"EUR","list":{"amount":7},"net":true}}`
	stored, err := parse(text)
	require.NoError(t, err)
	next, err := (&Store{now: time.Now}).merge(stored, []byte(`{"name":"B","price":{"amount":6}}`))
	require.NoError(t, err)
	rendered, err := next.render()
	require.NoError(t, err)
	var members map[string]jsontext.Value
	require.NoError(t, json.Unmarshal(rendered, &members))
	require.JSONEq(t, `{"amount":6,"currency":"EUR","list":{"amount":7},"net":true}`, string(members["price"]))
	require.Equal(t, `"B"`, string(members["name"]))
	require.JSONEq(t, `{"a":1}`, string(members["season"]))
	_, err = (&Store{now: time.Now}).merge(stored, []byte(`{"price":{"net":false}}`))
	var refused *fault.Error
	require.ErrorAs(t, err, &refused, "a request may not name them")
	require.Equal(t, []string{"/price/net", "unknown"}, []string{refused.Fields[0].Pointer, refused.Fields[0].Code})
}
