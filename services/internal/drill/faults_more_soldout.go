package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"evergreen/services/internal/drill/load"
)

// soldOutOrders is how many purchases are tried of what is sold out; through
// nginx, half of them go to each replica.
const soldOutOrders = 40

// sought is a product that is sold out, and what became of those who wanted it.
// It is none of the load's, so that no other adjustment or purchase meets it.
type sought struct {
	admin   *load.Client
	product string
	flying  sync.WaitGroup

	mu      sync.Mutex
	answers map[int]int // how many, by status; 0: no answer
}

// soldOut makes such a product.
func soldOut(ctx context.Context, s *Scene) (*sought, error) {
	w := &sought{admin: s.Load.Admin(), answers: map[int]int{}}
	var made struct{ ID string }
	err := ask(ctx, w.admin, "POST", "/v1/products", http.StatusCreated,
		object{"name": "Sold out", "price": object{"amount": 100, "currency": "EUR"}, "stock": 0}, &made)
	w.product = made.ID
	return w, err
}

// order begins all purchases, without keys: nginx's own request id is all that
// tells a retry from a purchase of its own.
func (w *sought) order(ctx context.Context) {
	for range soldOutOrders {
		w.flying.Go(func() {
			a, _ := w.admin.Send(ctx, "POST", "/v1/purchases",
				object{"items": []object{{"product_id": w.product, "quantity": 1}}})
			w.mu.Lock()
			defer w.mu.Unlock()
			w.answers[a.Status]++
		})
	}
}

// restock makes one piece available for each purchase that was tried.
func (w *sought) restock(ctx context.Context) error {
	return ask(ctx, w.admin.Keyed("restock-"+w.product), "POST", "/v1/products/"+w.product+"/stock", http.StatusOK,
		object{"delta": soldOutOrders, "reason": "a delivery"}, nil)
}

// settle waits for the answers, and until the replica that was frozen is through
// with what it found in its sockets, and holds the one against the other: those
// who were refused have bought nothing, those who were told that they bought have.
func (w *sought) settle(ctx context.Context, s *Scene) error {
	w.flying.Wait()
	if err := s.Hold(ctx, 3*time.Second); err != nil {
		return err
	}
	var account struct{ Sold int }
	if err := ask(ctx, w.admin.Current(), "GET", "/v1/products/"+w.product+"/stock", http.StatusOK, nil, &account); err != nil {
		return err
	}
	told, refused := w.answers[http.StatusCreated], w.answers[http.StatusConflict]
	unknown := soldOutOrders - told - refused
	s.Step(fmt.Sprintf("of what was sold out, %d were sold: %d were told so, %d were refused, of %d it is unknown", account.Sold, told, refused, unknown))
	if account.Sold < told || account.Sold > told+unknown {
		return fmt.Errorf("%w: %d sold, and the answers by status were %v", errRefusedAndSold, account.Sold, w.answers)
	}
	return nil
}

var errRefusedAndSold = errors.New("a purchase was carried out after its client was refused, or was not after its client was told so")

// object is a JSON object to send.
type object = map[string]any

// ask sends a request, demands the status of its answer, and decodes it unless
// into is nil.
func ask(ctx context.Context, c *load.Client, method, path string, status int, body, into any) error {
	a, err := c.Send(ctx, method, path, body)
	if err != nil {
		return err
	}
	if a.Status != status {
		return fmt.Errorf("%s %s is answered %d, not %d: %s", method, path, a.Status, status, a.Body)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(a.Body, into)
}
