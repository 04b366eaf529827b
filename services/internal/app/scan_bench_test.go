package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/processor"
	"evergreen/services/internal/shoptest"
)

// BenchmarkAPageWhoseFiltersMatchNothing says how much processor time the shop spends on one page
// of products by two filters, each of which 5,000 products match, and none matches both.
//
//	go test -run - -bench APageWhose -benchtime 300x ./services/internal/app
func BenchmarkAPageWhoseFiltersMatchNothing(b *testing.B) {
	const each = 5000
	admin := shoptest.Admin(b, shared)
	name := shoptest.Unique("filter")
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(32)
	for i := range 2 * each {
		product := shoptest.Object{"name": "A product with a name", "price": shoptest.Euros(1), "category": name}
		if i%2 == 1 {
			product = shoptest.Object{"name": "A product with a name", "price": shoptest.Euros(1), "tags": []string{name}}
		}
		group.Go(func() error {
			_, err := admin.Expect(ctx, 201, "POST", "/v1/products", product)
			return err
		})
	}
	require.NoError(b, group.Wait())
	anyone := shoptest.New("http://" + shared.Process("api-1").Addr())
	spent := func() (sum time.Duration) {
		for _, process := range []string{"api-1", "redis-1", "redis-2", "redis-3"} {
			sum += processor.Time(shared.Process(process).PID())
		}
		return sum
	}
	for _, row := range []struct{ name, path string }{
		{"two filters", "/v1/products?category=" + name + "&tag=" + name},
		{"no filter, limit 20", "/v1/products"},
		{"no filter, limit 100", "/v1/products?limit=100"},
	} {
		b.Run(row.name, func(b *testing.B) {
			before := spent()
			for b.Loop() {
				anyone.Want(b, 200, "GET", row.path, nil)
			}
			b.ReportMetric(float64((spent()-before).Microseconds())/1000/float64(b.N), "processor-ms/op")
		})
	}
}
