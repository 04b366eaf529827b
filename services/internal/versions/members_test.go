package versions_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// enrich adds members to a JSON object that is stored in a hash, as a newer version
// may have written it.
func (p *pair) enrich(t *testing.T, key, field, members string) {
	t.Helper()
	text := p.ask(t, "HGET", key, field)
	end := strings.LastIndexByte(text, '}')
	p.ask(t, "HSET", key, field, text[:end]+","+members+text[end:])
}

func TestMembersThatOnlyANewerVersionKnowsSurviveAndCannotBeSent(t *testing.T) {
	p := startPair(t)
	t.Run("a product's", p.membersOfAProduct)
	t.Run("a purchase's", p.membersOfAPurchase)
	t.Run("a user's", p.membersOfAUser)
}

func (p *pair) membersOfAProduct(t *testing.T) {
	id := shoptest.Product(t, p.admin, 3)
	path, key := "/v1/products/"+id, "evg:product:"+id
	const season, stock = `"season":{"from":"2026-12-01","tags":["a"]}`, `"stock":{"north":1}`
	p.enrich(t, key, "body", season+","+stock)

	etag := p.now.Current().Want(t, http.StatusOK, "GET", path, nil).Header.Get("ETag")
	requireNewer := func(body []byte) {
		t.Helper()
		require.Contains(t, string(body), season)
		require.Equal(t, 1, bytes.Count(body, []byte(`"stock":`)), "%s", body)
		require.Contains(t, string(body), `,"stock":3}`)
	}
	requireNewer(p.now.Current().Want(t, http.StatusOK, "GET", path, nil).Body)
	var list struct{ Data []json.RawMessage }
	p.now.Current().Want(t, http.StatusOK, "GET", "/v1/products?limit=1", nil).Into(t, &list)
	requireNewer(list.Data[0])
	changed := p.now.With("If-Match", etag).Keyed(id).Want(t, http.StatusOK, "PATCH", path, shoptest.Object{"name": "Renamed"})
	requireNewer(changed.Body)
	require.Equal(t, `"2.3"`, changed.Header.Get("ETag"))
	requireNewer(p.now.Keyed(id).With("If-Match", etag).Want(t, http.StatusOK, "PATCH", path, shoptest.Object{"name": "Renamed"}).Body)
	stored := p.ask(t, "HGET", key, "body")
	require.Contains(t, stored, season)
	require.Contains(t, stored, stock, "also one whose name is taken in answers")

	for _, body := range []string{`{"season":{}}`, `{"season":null}`, `{"name":"X","season":1}`, `{"stock":1}`, `{"Newer":{}}`} {
		p.now.Refused(t, http.StatusUnprocessableEntity, "invalid", "PATCH", path, body)
	}
	p.now.Refused(t, http.StatusUnprocessableEntity, "invalid", "POST", "/v1/products",
		shoptest.Object{"name": "A", "price": shoptest.Euros(1), "season": 1})
	require.Equal(t, stored, p.ask(t, "HGET", key, "body"))
}

func (p *pair) membersOfAPurchase(t *testing.T) {
	product := shoptest.Product(t, p.admin, 9)
	id := p.now.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 2)).Text(t, "id")
	path, key := "/v1/purchases/"+id, "evg:purchase:"+id
	p.enrich(t, key, "items", `"gift":{"to":"Bob"}`)
	p.ask(t, "HSET", key, "delivery", "post")
	items := p.ask(t, "HGET", key, "items")
	for _, act := range []struct {
		path string
		body any
	}{
		{"/pay", shoptest.Object{"reference": "r"}},
		{"/refund", shoptest.Object{"items": []shoptest.Object{shoptest.Line(product, 1)}}},
		{"/fulfil", nil},
	} {
		a := p.now.Want(t, http.StatusOK, "POST", path+act.path, act.body)
		require.Contains(t, string(a.Body), `"gift":{"to":"Bob"}`, act.path)
	}
	require.Contains(t, string(p.now.Current().Want(t, http.StatusOK, "GET", path, nil).Body), `"gift":{"to":"Bob"}`)
	require.Equal(t, items, p.ask(t, "HGET", key, "items"))
	require.Equal(t, "post", p.ask(t, "HGET", key, "delivery"))
	p.now.Refused(t, http.StatusUnprocessableEntity, "invalid", "POST", "/v1/purchases",
		shoptest.Object{"items": []shoptest.Object{{"product_id": product, "quantity": 1, "gift": 1}}})
}

func (p *pair) membersOfAUser(t *testing.T) {
	customer, id := shoptest.Customer(t, p.admin)
	p.ask(t, "HSET", "evg:user:"+id, "nickname", "Ann")
	session := p.ask(t, "EVAL", "return redis.call('ZRANGE', KEYS[1], 0, 0)", "1", "evg:user:"+id+":sessions")
	p.ask(t, "HSET", "evg:session:"+session, "device", "phone")
	me := customer.At(base(p.Stack, "api-2"))
	me.Want(t, http.StatusOK, "PATCH", "/v1/users/"+id, shoptest.Object{"first_name": "Bea"})
	p.now.Want(t, http.StatusOK, "PATCH", "/v1/users/"+id, shoptest.Object{"role": "admin"})
	require.Equal(t, "Ann", p.ask(t, "HGET", "evg:user:"+id, "nickname"))
	require.Equal(t, "phone", p.ask(t, "HGET", "evg:session:"+session, "device"))
	require.Equal(t, "admin", p.ask(t, "HGET", "evg:session:"+session, "role"))
	me.Refused(t, http.StatusUnprocessableEntity, "invalid", "PATCH", "/v1/users/"+id, shoptest.Object{"nickname": "B"})
}
