package load

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/drill/history"
)

// imagined is a load without a shop, which has told of 500 purchases.
func imagined(seed uint64) *Load {
	l := &Load{options: Options{Seed: seed}.withDefaults(), shop: newKnowledge()}
	for i := range l.options.Products {
		l.products = append(l.products, fmt.Sprint("product-", i))
		l.shop.versions[l.products[i]] = 5
	}
	for i := range 4 {
		l.staff = append(l.staff, &person{number: i})
		l.customers = append(l.customers, &person{number: 4 + i, user: fmt.Sprint("customer-", i)})
	}
	for i := range 500 {
		op := history.Op{Kind: history.Buy, Outcome: history.Done, Purchase: fmt.Sprint("purchase-", i), User: "customer-1", NewToken: "9"}
		l.shop.learn(op)
		l.customers[1].learn(op)
	}
	return l
}

func drawn(seed uint64) (tasks []task) {
	l := imagined(seed)
	writes, reads := newMix(l, 1), newMix(l, 2)
	for range 1000 {
		tasks = append(append(tasks, writes.write()...), reads.read()...)
	}
	for i := range tasks {
		tasks[i].who = nil // a pointer: two loads never have the same
	}
	return tasks
}

func TestTheSameSeedGivesTheSameMix(t *testing.T) {
	first, again, other := drawn(7), drawn(7), drawn(8)
	require.Equal(t, first, again)
	require.NotEqual(t, first, other)
}

func TestEveryOperationIsOneThatTheHistoryAllows(t *testing.T) {
	taken := map[string]int{}
	for _, task := range drawn(7) {
		op := task.op
		require.False(t, (task.twice || task.again) && !task.keyed, "only what has a key is sent again")
		require.False(t, task.keyed && !op.Kind.Write())
		switch op.Kind {
		case history.Buy:
			named := map[string]bool{}
			for _, line := range op.Lines {
				named[line.Product] = true
				require.GreaterOrEqual(t, line.Quantity, int64(1))
				require.LessOrEqual(t, line.Quantity, int64(3))
			}
			require.Len(t, named, len(op.Lines))
			require.NotEmpty(t, op.User)
		case history.Pay, history.Cancel:
			taken[op.Purchase]++
		case history.Adjust:
			require.NotZero(t, op.Delta)
		case history.Edit:
			require.Contains(t, []int64{4, 5}, op.IfMatch)
		}
		if op.Strength == history.Token {
			require.Equal(t, "9", op.Token)
			require.Equal(t, 5, op.Client, "who wrote it reads it")
		}
	}
	raced := 0
	for _, times := range taken {
		require.LessOrEqual(t, times, 2)
		raced += times - 1
	}
	require.InDelta(t, 0.1, float64(raced)/float64(len(taken)), 0.06)
}

func TestMoreRequestsComeFromMoreCustomers(t *testing.T) {
	require.Equal(t, 4, Options{}.withDefaults().Customers)
	require.Equal(t, 12, Options{Writes: 1000}.withDefaults().Customers)
	require.Equal(t, 2, Options{Customers: 2}.withDefaults().Customers)
}
