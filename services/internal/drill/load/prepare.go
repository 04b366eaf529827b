package load

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/drill/history"
)

// desks is how many people work with the admin's session.
const desks = 8

// The stock that products begin with, in pieces: a scarce one runs out within
// seconds, the others never.
const (
	scarceStock    = 20
	plentifulStock = 1_000_000
)

// Prepare signs in, and makes the products and the customers, with names that no
// other run has. It waits up to 30 s for a shop that does not answer yet. The load
// does not end with ctx, but with Stop.
func Prepare(ctx context.Context, o Options) (*Load, error) {
	l := &Load{
		options: o.withDefaults(), run: "drill-" + strings.ToLower(rand.Text()[:12]), initial: map[string]history.Ledger{},
		shop: newKnowledge(), record: newRecord(), slots: make(chan struct{}, mostUnderWay), stopping: make(chan struct{}),
	}
	if err := l.furnish(ctx); err != nil {
		return nil, fmt.Errorf("preparing the load: %w", err)
	}
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return l, nil
}

func (l *Load) furnish(ctx context.Context) error {
	nobody := newClient(l.options.URL)
	token, _, err := signIn(ctx, nobody, l.options.AdminEmail, l.options.AdminPassword)
	if err != nil {
		return err
	}
	l.admin = nobody.As(token)
	for i := range desks {
		l.staff = append(l.staff, &person{number: i, client: l.admin})
	}
	for i := range l.options.Products {
		if err := l.addProduct(ctx, i); err != nil {
			return err
		}
	}
	return l.addCustomers(ctx)
}

func signIn(ctx context.Context, c *Client, email, password string) (token, id string, err error) {
	var session struct {
		Token string
		User  struct{ ID string }
	}
	err = c.insist(ctx, "POST", "/v1/sessions", object{"email": email, "password": password}, &session)
	return session.Token, session.User.ID, err
}

func (l *Load) addProduct(ctx context.Context, number int) error {
	stock := plentifulStock
	if isScarce(number) {
		stock = scarceStock
	}
	name := fmt.Sprintf("%s-product-%d", l.run, number)
	var made struct{ ID string }
	err := l.admin.Keyed(name).insist(ctx, "POST", "/v1/products",
		object{"name": name, "price": euros(listPrice(0)), "stock": stock}, &made)
	if err != nil {
		return err
	}
	l.products = append(l.products, made.ID)
	l.initial[made.ID], err = l.ledger(ctx, made.ID)
	l.shop.versions[made.ID] = l.initial[made.ID].Version
	return err
}

// addCustomers signs people up and in, a few at a time: each takes two password
// hashes, made to be slow. The admin's token goes along, because sign-ups and logins
// of one address are limited.
func (l *Load) addCustomers(ctx context.Context) error {
	l.customers = make([]*person, l.options.Customers)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range l.customers {
		group.Go(func() error {
			name := fmt.Sprintf("%s-%d", l.run, i)
			email, password := name+"@example.com", rand.Text()
			err := l.admin.Keyed(name).insist(ctx, "POST", "/v1/users", object{"email": email, "password": password}, &struct{}{})
			if err != nil {
				return err
			}
			token, id, err := signIn(ctx, l.admin, email, password)
			l.customers[i] = &person{number: desks + i, client: l.admin.As(token), user: id}
			return err
		})
	}
	return group.Wait()
}
