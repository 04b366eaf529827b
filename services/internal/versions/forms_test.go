package versions_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// bought is a purchase that some version has made.
type bought struct{ made, id, product string }

// A purchase keeps the form that it was made in. Each is of 2 pieces of a product that has 10.
func TestPurchasesOfEveryVersionAndLayoutAreMovedAlike(t *testing.T) {
	p := startPair(t)
	var all []bought
	buy := func(made string, at *shoptest.Client) {
		for range 4 {
			product := shoptest.Product(t, p.now, 10)
			id := at.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 2)).Text(t, "id")
			all = append(all, bought{made, id, product})
		}
	}
	for _, layout := range []string{"1", "2"} {
		p.ask(t, "SET", "evg:schema", layout)
		buy("by the release before, in layout "+layout, p.before)
		buy("by this version, in layout "+layout, p.now)
	}
	for _, b := range all {
		require.NotEmpty(t, p.ask(t, "HGET", "evg:purchase:"+b.id, "items"), "what the release before reads: %s", b.made)
		p.before.Current().Want(t, http.StatusOK, "GET", "/v1/purchases/"+b.id, nil)
	}
	require.NoError(t, p.Process("api-1").Terminate(t.Context()),
		"the release before is locked out before layout 3 comes into force")
	p.ask(t, "SET", "evg:schema", "3")
	require.Eventually(t, func() bool {
		product := shoptest.Product(t, p.now, 10)
		id := p.now.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 2)).Text(t, "id")
		return p.ask(t, "HGET", "evg:purchase:"+id, "lines") != ""
	}, 10*time.Second, 50*time.Millisecond, "layout 3 is in force")
	buy("by this version, in layout 3", p.now)
	t.Run("members of packed lines that only a newer version knows", p.membersOfPackedLines)
	for i := 0; i < len(all); i += 4 {
		t.Run(all[i].made, func(t *testing.T) { p.moves(t, all[i:i+4]) })
	}
}

// moves pays and refunds the first purchase, pays another one that has expired, cancels the third, and lets the fourth expire.
func (p *pair) moves(t *testing.T, four []bought) {
	t.Helper()
	path := func(i int) string { return "/v1/purchases/" + four[i].id }
	stock := func(i int) int64 { return shoptest.LedgerOf(t, p.now, four[i].product).Stock }
	p.now.Want(t, http.StatusOK, "POST", path(0)+"/pay", shoptest.Object{"reference": "r"})
	part := p.now.Want(t, http.StatusOK, "POST", path(0)+"/refund",
		shoptest.Object{"items": []shoptest.Object{shoptest.Line(four[0].product, 1)}})
	require.EqualValues(t, 9, stock(0))
	text := fmt.Sprintf(`"items":[{"product_id":%q,"name":`, four[0].product)
	require.Contains(t, string(part.Body), text)
	require.Contains(t, string(part.Body), `"quantity":2,"unit_price":{"amount":1999,"currency":"EUR"},"refunded_quantity":1}]`)
	p.now.Want(t, http.StatusOK, "POST", path(0)+"/refund", nil)
	require.EqualValues(t, 10, stock(0))

	for _, i := range []int{1, 3} {
		p.ask(t, "HSET", "evg:purchase:"+four[i].id, "reserved", "1")
		p.ask(t, "ZADD", "evg:reservations", "1", four[i].id)
		require.Eventually(t, func() bool {
			return p.now.Current().Want(t, http.StatusOK, "GET", path(i), nil).Text(t, "status") == "expired"
		}, 10*time.Second, 20*time.Millisecond)
		require.EqualValues(t, 10, stock(i))
		require.NotEmpty(t, p.ask(t, "ZSCORE", "evg:purchases:ended", four[i].id))
	}
	p.now.Want(t, http.StatusOK, "POST", path(1)+"/pay", shoptest.Object{"reference": "late"})
	require.EqualValues(t, 8, stock(1))
	require.Empty(t, p.ask(t, "ZSCORE", "evg:purchases:ended", four[1].id), "a paid purchase has not ended")

	p.now.Want(t, http.StatusOK, "POST", path(2)+"/cancel", nil)
	require.EqualValues(t, 10, stock(2))
	require.NotEmpty(t, p.ask(t, "ZSCORE", "evg:purchases:ended", four[2].id))
}

func (p *pair) membersOfPackedLines(t *testing.T) {
	product := shoptest.Product(t, p.now, 9)
	made := p.now.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product, 2))
	key, path := "evg:purchase:"+made.Text(t, "id"), made.Header.Get("Location")
	const gift = `"gift":{"to":"Bob"}`
	people := strings.TrimSuffix(p.ask(t, "HGET", key, "people"), "}]") + "," + gift + "}]"
	p.ask(t, "HSET", key, "people", people)
	lines := p.ask(t, "HGET", key, "lines")
	for _, act := range []struct {
		path string
		body any
	}{
		{"/pay", shoptest.Object{"reference": "r"}}, {"/refund",
			shoptest.Object{"items": []shoptest.Object{shoptest.Line(product, 1)}}}, {"/fulfil", nil},
	} {
		require.Contains(t, string(p.now.Want(t, 200, "POST", path+act.path, act.body).Body), gift, act.path)
	}
	require.Equal(t, people, p.ask(t, "HGET", key, "people"))
	require.Equal(t, lines, p.ask(t, "HGET", key, "lines"))
}
