package replay

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// object is a JSON object to send.
type object = map[string]any

// amount is money as the API has it.
type amount struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

func price(pence int64) amount { return amount{Amount: pence, Currency: currency} }

// shop is what a replay asks of the API. All of it may be asked again, by the
// same run or by another one: it looks first, makes what is missing, and takes
// being told that it was there for an answer as good as having made it.
type shop struct {
	*client
	run string // tells this run's keys from those of runs before
}

func newShop(c *client) *shop { return &shop{client: c, run: rand.Text()[:8]} }

// logIn opens the session of an admin.
func (s *shop) logIn(ctx context.Context, email, password string) error {
	var session struct {
		Token string
		User  struct{ Role string }
	}
	if err := s.post(ctx, "/v1/sessions", "", object{"email": email, "password": password}, &session); err != nil {
		return fmt.Errorf("logging in as %s: %w", email, err)
	}
	if session.User.Role != "admin" {
		return fmt.Errorf("%s is no admin", email)
	}
	s.token = session.Token
	return nil
}

// write posts under a key that every run derives alike. If all that comes is
// what an earlier run was told, or that it sent another body, this run asks
// under a key of its own: for 24 hours the other would be answered the same,
// also when the reason has long gone. That nothing happens twice for it is seen
// to by external_ref, SKU and email, which are unique for ever.
func (s *shop) write(ctx context.Context, path, key string, body, into any) error {
	err := s.post(ctx, path, key, body, into)
	if r, refused := asRefusal(err); refused && (r.Replayed || r.Code == "idempotency-key-reused") {
		err = s.post(ctx, path, key+"-"+s.run, body, into)
	}
	return err
}

// first reads a list of which at most one entry is expected. The filter and its value are added to the path's query.
func first[T any](ctx context.Context, s *shop, path, filter, value string) (found T, there bool, err error) {
	var list struct{ Data []T }
	err = s.get(ctx, path+filter+"="+url.QueryEscape(value), &list)
	if err != nil || len(list.Data) == 0 {
		return found, false, err
	}
	return list.Data[0], true, nil
}

// findOrMake gives the id of the one thing that the filter finds; make is called
// where there is none, and may be refused as taken when somebody was faster.
func (s *shop) findOrMake(ctx context.Context, path, filter, value, taken, key string, body object) (string, error) {
	type thing struct{ ID string }
	found, there, err := first[thing](ctx, s, path+"?", filter, value)
	if err != nil || there {
		return found.ID, err
	}
	err = s.write(ctx, path, key, body, &found)
	if refusedAs(err, taken) {
		if found, there, err = first[thing](ctx, s, path+"?", filter, value); err == nil && !there {
			err = fmt.Errorf("%s %s is taken and cannot be found", filter, value)
		}
	}
	return found.ID, err
}

// customer gives the id of a customer's user. Nobody knows the password: an
// admin can set one.
func (s *shop) customer(ctx context.Context, customer string) (string, error) {
	email, name := emailOf(customer), "Customer "+customer
	if customer == "" {
		name = "Walk-in"
	}
	return s.findOrMake(ctx, "/v1/users", "email", email, "email-taken", "replay-user-"+strings.ToLower(email),
		object{"email": email, "password": rand.Text(), "first_name": name})
}

// emailOf gives each customer an address in a domain that nobody can have
// (RFC 2606). What may not stand there, or would be lost because emails are
// compared without case, is spelt out.
func emailOf(customer string) string {
	if customer == "" {
		return "walk-in@replay.example"
	}
	var local strings.Builder
	for _, b := range []byte(customer) {
		if (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') {
			local.WriteByte(b)
		} else {
			local.WriteString("_" + hex.EncodeToString([]byte{b}))
		}
	}
	return "customer-" + local.String() + "@replay.example"
}

// product gives the id of a product.
func (s *shop) product(ctx context.Context, p *Product) (string, error) {
	return s.findOrMake(ctx, "/v1/products", "sku", p.Code, "sku-taken", "replay-product-"+url.PathEscape(p.Code),
		object{"sku": p.Code, "name": p.Name, "price": price(p.Price), "stock": p.Sold})
}
