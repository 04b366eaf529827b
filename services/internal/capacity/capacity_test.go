package capacity

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// tolerance is by how much, in percent, a figure of the page may differ from what is measured.
const tolerance = 5

// objects is how many of each kind are made.
const objects = 200

const purchaseKeys = `^evg:purchase:[^:]+$`

// figures are the documented bytes, by the name in the first column.
func figures(t *testing.T, page string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z][^|]+?) \| ([0-9,]+) \|`).FindAllStringSubmatch(page, -1) {
		n, err := strconv.Atoi(strings.ReplaceAll(row[2], ",", ""))
		require.NoError(t, err)
		found[row[1]] = n
	}
	return found
}

func readPage(t *testing.T) string {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "capacity.md"))
	require.NoError(t, err)
	return string(page)
}

// measured are the bytes of each object, by the names of the page.
type measured map[string]int

func TestThePageSaysWhatEachObjectCosts(t *testing.T) {
	s, m, documented := open(t), measured{}, figures(t, readPage(t))
	t.Logf("Redis %s", regexp.MustCompile(`redis_version:\S+`).FindString(s.ask(t, "INFO", "server")))
	s.products(t, m)
	s.purchases(t, m)
	s.people(t, m)
	s.refusals(t, m)
	for name, bytes := range m {
		t.Logf("| %s | %d |", name, bytes)
	}
	keys := s.bytes(t, "*", `.`)
	require.InDelta(t, s.dataBytes(t), keys, float64(keys)/10, "Redis's own count of all data is the sum of the keys")
	for name, bytes := range m {
		require.Contains(t, documented, name)
		require.InDelta(t, bytes, documented[name], float64(bytes)*tolerance/100, name)
	}
}

// Of maxmemory: the percentage that customers can fill, and the bytes that a shop has besides its objects: a full stream of
// events, a full backlog for the replicas, and what Redis has when it is empty.
const (
	megabyte         = 1 << 20
	customersPercent = 95
	fixedBytes       = (16 + 32 + 5) * megabyte
)

func TestTheTableOfWhatFitsFollowsFromTheBytes(t *testing.T) {
	page := readPage(t)
	f := figures(t, page)
	_, table, found := strings.Cut(page, "| products | purchases |")
	require.True(t, found)
	rows := regexp.MustCompile(`(?m)^\| ([0-9,]+) \| ([0-9,]+) \|$`).FindAllStringSubmatch(strings.Split(table, "\n\n")[0], -1)
	require.GreaterOrEqual(t, len(rows), 4)
	number := func(text string) int {
		n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
		require.NoError(t, err)
		return n
	}
	each := f["purchase, 1 line"] + 2*f["list entry"]
	for _, row := range rows {
		room := 512*megabyte*customersPercent/100 - fixedBytes - number(row[1])*f["product, typical"]
		require.Equal(t, room/each/1000*1000, number(row[2]), "beside %s products", row[1])
	}
	require.Less(t, 100_000*f["event"], 16*megabyte, "the stream of events")
}

// typical is a product as shops have them, with all members. It is in the list of all products, and in those of its family, its
// category and its four tags.
func typical(i int) shoptest.Object {
	return shoptest.Object{
		"name": fmt.Sprintf("Trail shoe Evergreen %06d", i), "sku": fmt.Sprintf("SHOE-%06d-42-GREEN", i),
		"family":  "trail-shoe-evergreen",
		"options": shoptest.Object{"size": "42", "colour": "green"}, "category": "shoes", "company": "Evergreen Outdoor GmbH",
		"description": strings.Repeat("A light shoe for long ways. ", 8), "tags": []string{"outdoor", "summer", "vegan", "sale"},
		"attributes": shoptest.Object{"weight_g": 280, "drop_mm": 6, "material": "recycled polyester"},
		"price":      shoptest.Euros(12999), "date_manufactured": "2026-03-01", "stock": 1_000_000,
	}
}

func bare(i int) shoptest.Object { return named(fmt.Sprintf("Product %06d", i)) }

func named(name string) shoptest.Object {
	return shoptest.Object{"name": name, "price": shoptest.Euros(1999), "stock": 1_000_000}
}

// products measures them with their entries in long lists, and the event that each leaves.
func (s *shop) products(t *testing.T, m measured) {
	t.Helper()
	create := func(n int, object func(int) shoptest.Object) func() {
		return func() {
			times(t, n, func(ctx context.Context, i int) error {
				_, err := s.admin.Expect(ctx, http.StatusCreated, "POST", "/v1/products", object(i))
				return err
			})
		}
	}
	m["list entry"] = s.listEntry(t, 200_000)
	for _, row := range []struct {
		name    string
		object  func(int) shoptest.Object
		entries int
	}{{"product, bare", bare, 1}, {"product, typical", typical, 7}} {
		m["event"] = s.grown(t, "evg:events", `.`, func() {
			own := s.grown(t, "evg:product*", `^evg:product(_sku)?:`, create(objects, row.object)) / objects
			m[row.name] = own + row.entries*m["list entry"]
		}) / objects
	}
}

// listEntry measures an entry of a list with so many.
func (s *shop) listEntry(t *testing.T, entries int) int {
	t.Helper()
	const step = 4000
	const list = "evg:list"
	for from := 0; from < entries; from += step {
		s.ask(t, "EVAL", `for i = ARGV[1], ARGV[2] - 1 do
			redis.call('ZADD', KEYS[1], 0, string.format('01a22178-63d0-77d4-b6d2-%012d', i)) end`,
			"1", list, strconv.Itoa(from), strconv.Itoa(min(entries, from+step)))
	}
	return s.bytes(t, list, `.`) / entries
}

// purchases measures them by their lines. The lists that they stand in are rows of their own.
func (s *shop) purchases(t *testing.T, m measured) {
	t.Helper()
	catalogue := make([]string, 1000)
	times(t, len(catalogue), func(ctx context.Context, i int) error {
		a, err := s.admin.Expect(ctx, http.StatusCreated, "POST", "/v1/products",
			named(fmt.Sprint("Trail shoe Evergreen ", shoptest.Unique("model"))))
		if err == nil {
			catalogue[i] = a.Text(t, "id")
		}
		return err
	})
	buyer, _ := shoptest.Customer(t, s.admin)
	for _, row := range []struct {
		name         string
		lines, count int
	}{{"purchase, 1 line", 1, objects}, {"purchase, 10 lines", 10, objects}, {"purchase, 1,000 lines", 1000, 4}} {
		order := func(more shoptest.Object) func() {
			return func() {
				times(t, row.count, func(ctx context.Context, i int) error {
					var items []shoptest.Object
					for line := range row.lines {
						items = append(items, shoptest.Line(catalogue[(i+line)%len(catalogue)], 1))
					}
					body := shoptest.Object{"items": items}
					for name := range more {
						body[name] = shoptest.Unique("order-2026")
					}
					_, err := buyer.Expect(ctx, http.StatusCreated, "POST", "/v1/purchases", body)
					return err
				})
			}
		}
		m[row.name] = s.grown(t, "evg:purchase:*", purchaseKeys, order(nil)) / row.count
		if row.lines == 1 {
			m["reference"] = s.grown(t, "evg:purchase_ref:*", `.`, order(shoptest.Object{"external_ref": true})) / row.count
		}
	}
}

// people measures users and sessions.
func (s *shop) people(t *testing.T, m measured) {
	t.Helper()
	const n = 100
	var customers []*shoptest.Client
	sessions, tied := 0, 0
	users := s.grown(t, "evg:user*", `^evg:(user:[^:]+|user_email:.*)$`, func() {
		tied = s.grown(t, "evg:user:*", `:sessions$`, func() {
			sessions = s.grown(t, "evg:session:*", `.`, func() { customers = shoptest.Customers(t, s.admin, n) })
		})
	})
	m["user"], m["session"] = users/n, (sessions+tied)/n
	product := shoptest.Product(t, s.admin, n)
	m["what a customer holds"] = s.grown(t, "evg:held:*", `.`, func() {
		times(t, n, func(ctx context.Context, i int) error {
			_, err := customers[i].Expect(ctx, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1))
			return err
		})
	}) / n
}

// refusals measures the outcomes of writes that were refused.
func (s *shop) refusals(t *testing.T, m measured) {
	t.Helper()
	buyer, _ := shoptest.Customer(t, s.admin)
	soldOut := shoptest.Product(t, s.admin, 0)
	m["remembered refusal, packed"] = s.grown(t, "evg:requests:*", `.`, func() {
		times(t, objects, func(ctx context.Context, i int) error {
			_, err := buyer.Keyed(shoptest.Unique("key")).Expect(ctx, http.StatusConflict, "POST", "/v1/purchases",
				shoptest.Order(soldOut, 1))
			return err
		})
	}) / objects
	email := shoptest.Unique("taken") + "@example.com"
	account := shoptest.Object{"email": email, "password": shoptest.Password}
	s.admin.Want(t, http.StatusCreated, "POST", "/v1/users", account)
	const n = 50
	m["remembered refusal, key of its own"] = s.grown(t, "evg:request:*", `.`, func() {
		times(t, n, func(ctx context.Context, i int) error {
			_, err := s.anyone.Keyed(shoptest.Unique("key")).Expect(ctx, http.StatusConflict, "POST", "/v1/users", account)
			return err
		})
	}) / n
}
