package shoptest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/stack"
)

// Unique gives a name that nobody else uses, eleven characters longer than prefix.
func Unique(prefix string) string { return prefix + "-" + rand.Text()[:10] }

// Admin logs the stack's first admin in.
func Admin(tb testing.TB, s *stack.Stack) *Client {
	tb.Helper()
	c := New(s.URL())
	a := c.Want(tb, http.StatusCreated, "POST", "/v1/sessions",
		Object{"email": s.Setting("ADMIN_EMAIL"), "password": s.Setting("ADMIN_PASSWORD")})
	return c.As(a.Text(tb, "token"))
}

// Password is that of everybody whom Customer and Customers sign up.
const Password = "correct horse battery"

// Customer signs somebody up and in, and gives their id too.
func Customer(tb testing.TB, admin *Client) (*Client, string) {
	tb.Helper()
	c, id, err := signUp(tb.Context(), admin)
	require.NoError(tb, err)
	return c, id
}

// Customers signs n people up and in, a few at a time: each takes two password
// hashes, made to be slow.
func Customers(tb testing.TB, admin *Client, n int) []*Client {
	tb.Helper()
	made := make([]*Client, n)
	group, ctx := errgroup.WithContext(tb.Context())
	group.SetLimit(4)
	for i := range made {
		group.Go(func() (err error) {
			made[i], _, err = signUp(ctx, admin)
			return err
		})
	}
	require.NoError(tb, group.Wait())
	return made
}

// signUp sends the admin's token along, because sign-ups and logins of one
// address are limited.
func signUp(ctx context.Context, admin *Client) (*Client, string, error) {
	email, password := Unique("customer")+"@example.com", Password
	_, err := admin.Expect(ctx, http.StatusCreated, "POST", "/v1/users",
		Object{"email": email, "password": password, "first_name": "Ann", "last_name": "Lee"})
	if err != nil {
		return nil, "", err
	}
	a, err := admin.Expect(ctx, http.StatusCreated, "POST", "/v1/sessions", Object{"email": email, "password": password})
	if err != nil {
		return nil, "", err
	}
	var session struct {
		Token string
		User  struct{ ID string }
	}
	err = json.Unmarshal(a.Body, &session)
	return admin.As(session.Token), session.User.ID, err
}

// Euros is a price in cents.
func Euros(cents int64) Object { return Object{"amount": cents, "currency": "EUR"} }

// Product creates a product with so many pieces in stock and gives its id.
func Product(tb testing.TB, admin *Client, stock int64) string {
	tb.Helper()
	return admin.Want(tb, http.StatusCreated, "POST", "/v1/products",
		Object{"name": Unique("Product"), "price": Euros(1999), "stock": stock}).Text(tb, "id")
}

// Order is the body of a purchase of pieces of one product.
func Order(productID string, pieces int64) Object {
	return Object{"items": []Object{Line(productID, pieces)}}
}

// Line is one line of an order.
func Line(productID string, pieces int64) Object {
	return Object{"product_id": productID, "quantity": pieces}
}

// Ledger is a product's account, in pieces.
type Ledger struct{ Initial, Adjusted, Sold, Returned, Stock int64 }

// LedgerOf reads a product's account from the primary and checks its equation.
func LedgerOf(tb testing.TB, admin *Client, productID string) Ledger {
	tb.Helper()
	var l Ledger
	admin.Current().Want(tb, http.StatusOK, "GET", "/v1/products/"+productID+"/stock", nil).Into(tb, &l)
	require.Equal(tb, l.Stock, l.Initial+l.Adjusted-l.Sold+l.Returned, "the stock equation of %s: %+v", productID, l)
	require.GreaterOrEqual(tb, l.Stock, int64(0), "the stock of %s", productID)
	return l
}

// Purchase is what tests look at of a purchase.
type Purchase struct {
	ID, Status string
	Items      []struct {
		ProductID string `json:"product_id"`
		Quantity  int64
	}
	Total         struct{ Amount int64 }
	ReservedUntil string `json:"reserved_until"`
	UpdatedAt     string `json:"updated_at"`
}

// Purchases lists all purchases that path leads to, page by page, as the primary
// has them, with their lines. The path holds a query, such as "/v1/purchases?limit=100".
func Purchases(tb testing.TB, c *Client, path string) []Purchase {
	tb.Helper()
	path += "&expand=items"
	var all []Purchase
	for at := path; ; {
		var page struct {
			Data    []Purchase
			HasMore bool   `json:"has_more"`
			Next    string `json:"next_cursor"`
		}
		c.Current().Want(tb, http.StatusOK, "GET", at, nil).Into(tb, &page)
		all = append(all, page.Data...)
		if !page.HasMore {
			return all
		}
		at = path + "&cursor=" + page.Next
	}
}
