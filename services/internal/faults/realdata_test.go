package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// till is what the real invoices are sold with.
type till struct {
	admin    *shoptest.Client
	invoices invoices

	mu  sync.Mutex
	ids map[string]string // products by stock code
}

func TestARealShopsFirstHundredInvoicesAreSoldAndEveryLedgerAddsUp(t *testing.T) {
	root, err := stack.Root()
	require.NoError(t, err)
	read := readInvoices(t, root)
	t.Logf("%d invoices, %d articles; lines left out: %v", len(read.list), len(read.articles), read.leftOut)
	require.Len(t, read.list, firstInvoices)

	// Its own, since stock codes and invoice numbers are used once.
	admin := shoptest.Admin(t, private(t, nil))
	shop := &till{admin: admin, invoices: read, ids: map[string]string{}}
	eight(t, read.articles, shop.stock)
	eight(t, read.list, shop.sell)
	eight(t, read.articles, shop.audit)
}

// eight works through a list, eight at a time.
func eight[T any](t *testing.T, list []T, work func(context.Context, T) error) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for _, item := range list {
		group.Go(func() error { return work(ctx, item) })
	}
	require.NoError(t, group.Wait())
}

func pounds(pence int64) shoptest.Object { return shoptest.Object{"amount": pence, "currency": "GBP"} }

// stock creates an article with just the pieces that will be sold.
func (s *till) stock(ctx context.Context, a *article) error {
	made, err := s.admin.Expect(ctx, http.StatusCreated, "POST", "/v1/products",
		shoptest.Object{"sku": a.code, "name": a.name, "price": pounds(a.price), "stock": a.sold})
	if err != nil {
		return err
	}
	var product struct{ ID string }
	err = json.Unmarshal(made.Body, &product)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[a.code] = product.ID
	return err
}

// sell makes a paid purchase of an invoice, at the invoice's own prices.
func (s *till) sell(ctx context.Context, i invoice) error {
	var lines []shoptest.Object
	for _, l := range i.lines {
		line := shoptest.Line(s.ids[l.code], l.quantity)
		if l.price != s.invoices.byCode[l.code].price {
			line["unit_price"] = pounds(l.price)
		}
		lines = append(lines, line)
	}
	made, err := s.admin.Expect(ctx, http.StatusCreated, "POST", "/v1/purchases",
		shoptest.Object{"external_ref": i.number, "items": lines})
	if err != nil {
		return err
	}
	var purchase shoptest.Purchase
	if err := json.Unmarshal(made.Body, &purchase); err != nil {
		return err
	}
	if purchase.Total.Amount != i.total() || len(purchase.Items) != len(i.lines) {
		return fmt.Errorf("invoice %s of %d lines, %d pence: %s", i.number, len(i.lines), i.total(), made.Body)
	}
	_, err = s.admin.Expect(ctx, http.StatusOK, "POST", "/v1/purchases/"+purchase.ID+"/pay",
		shoptest.Object{"reference": "invoice " + i.number})
	return err
}

// audit holds an article's ledger, found by its stock code, against the file.
func (s *till) audit(ctx context.Context, a *article) error {
	found, err := s.admin.Current().Expect(ctx, http.StatusOK, "GET", "/v1/products?sku="+a.code, nil)
	if err != nil {
		return err
	}
	var list struct {
		Data []struct{ ID, SKU, Name string }
	}
	if err := json.Unmarshal(found.Body, &list); err != nil {
		return err
	}
	if len(list.Data) != 1 || list.Data[0].SKU != a.code || list.Data[0].Name != a.name {
		return fmt.Errorf("article %s: %s", a.code, found.Body)
	}
	read, err := s.admin.Current().Expect(ctx, http.StatusOK, "GET", "/v1/products/"+list.Data[0].ID+"/stock", nil)
	if err != nil {
		return err
	}
	var ledger shoptest.Ledger
	if err := json.Unmarshal(read.Body, &ledger); err != nil {
		return err
	}
	if want := (shoptest.Ledger{Initial: a.sold, Sold: a.sold}); ledger != want {
		return fmt.Errorf("article %s: %+v, the invoices say %+v", a.code, ledger, want)
	}
	return nil
}
