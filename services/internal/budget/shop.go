package budget

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"evergreen/services/internal/processor"
	"evergreen/services/internal/products"
	"evergreen/services/internal/stack"
)

// shop is a private shop with a product and buyers, whom no limit of the rate holds back.
type shop struct {
	*stack.Stack
	http    *http.Client
	tokens  []string // of the buyers' sessions
	product string
	sold    atomic.Int64
	primary string
	// groups are the processes whose time counts, by the name of their row.
	groups map[string][]int
}

// The names of the rows of processor time.
const (
	rowNginx   = "nginx, both"
	rowAPI     = "API, both replicas"
	rowPrimary = "Redis, primary"
	rowFirst   = "Redis, first replica"
	rowSecond  = "Redis, second replica"
	rowAll     = "all"
)

// rows lists them in the order of the table.
func rows() []string { return []string{rowNginx, rowAPI, rowPrimary, rowFirst, rowSecond, rowAll} }

// openShop starts a shop, and puts a product and the buyers into it. It makes no snapshots and rewrites no append-only file: what
// they cost depends on when they come, and not on the order.
func openShop(ctx context.Context, o stack.Options) (*shop, error) {
	o.Services = slices.DeleteFunc(stack.Everything(), stack.Watches)
	o.Settings = stack.WithHighQuotas(map[string]string{
		"RATE_USER_PER_SECOND": "1000000", "RATE_SIGNIN_ADDRESS_PER_MINUTE": "100000", "RATE_EDGE_PER_SECOND": "100000", "EDGE_CONNECTIONS": "4000",
	})
	started, err := stack.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &shop{Stack: started, http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}}
	if err := s.furnish(ctx); err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	return s, nil
}

func (s *shop) close(ctx context.Context) error {
	s.http.CloseIdleConnections()
	return s.Stop(context.WithoutCancel(ctx))
}

func (s *shop) furnish(ctx context.Context) (err error) {
	if s.primary, err = s.AwaitPrimary(ctx, nil); err != nil {
		return err
	}
	for _, node := range nodes() {
		for _, setting := range [][2]string{{"save", ""}, {"auto-aof-rewrite-percentage", "0"}} {
			if _, err := s.Redis(ctx, node, "CONFIG", "SET", setting[0], setting[1]); err != nil {
				return err
			}
		}
	}
	s.groups = s.processes()
	return s.enter(ctx)
}

// nodes names the Redis nodes.
func nodes() []string { return []string{"redis-1", "redis-2", "redis-3"} }

// replicas names the nodes other than the primary, in their order.
func (s *shop) replicas() []string {
	return slices.DeleteFunc(nodes(), func(node string) bool { return node == s.primary })
}

// processes finds the processes of each row. nginx has workers besides its leader.
func (s *shop) processes() map[string][]int {
	groups := map[string][]int{}
	for row, names := range map[string][]string{
		rowNginx: {"nginx-a", "nginx-b"}, rowAPI: {"api-1", "api-2"},
		rowPrimary: {s.primary}, rowFirst: s.replicas()[:1], rowSecond: s.replicas()[1:],
	} {
		for _, name := range names {
			groups[row] = append(groups[row], processor.Group(s.Process(name).PID())...)
		}
	}
	return groups
}

// used is the processor time of each row since its processes began.
func (s *shop) used() times {
	t := times{}
	for row, pids := range s.groups {
		for _, pid := range pids {
			spent := processor.Time(pid)
			t[row] += spent
			t[rowAll] += spent
		}
	}
	return t
}

// buyers take turns. Real customers buy a few times a day, and what one customer's orders cost grows with their number.
const buyers = 100

// enter logs in as the admin, makes the product, and signs the buyers up and in.
func (s *shop) enter(ctx context.Context) error {
	token, err := s.signIn(ctx, s.Setting("ADMIN_EMAIL"), s.Setting("ADMIN_PASSWORD"))
	if err != nil {
		return err
	}
	price := map[string]any{"amount": 1999, "currency": "EUR"}
	details := map[string]any{"name": "Product", "price": price, "stock": int64(products.MaxStock)}
	var product struct{ ID string }
	if err := s.post(ctx, token, "/v1/products", details, &product); err != nil {
		return err
	}
	s.product, s.tokens = product.ID, make([]string, buyers)
	const password = "a password of the buyer's"
	for i := range buyers {
		email := fmt.Sprintf("buyer-%d@shop.test", i)
		person := map[string]any{"first_name": "Ann", "last_name": "Lee", "email": email, "password": password}
		if err := s.post(ctx, "", "/v1/users", person, nil); err != nil {
			return err
		}
		if s.tokens[i], err = s.signIn(ctx, email, password); err != nil {
			return err
		}
	}
	return nil
}

// signIn gives the token of a new session.
func (s *shop) signIn(ctx context.Context, email, password string) (string, error) {
	var session struct{ Token string }
	err := s.post(ctx, "", "/v1/sessions", map[string]any{"email": email, "password": password}, &session)
	return session.Token, err
}

// buy makes one purchase of one piece under a key of its own, for the next buyer, and demands that it was made.
func (s *shop) buy(ctx context.Context) error {
	line := map[string]any{"product_id": s.product, "quantity": 1}
	buyer := s.tokens[s.sold.Add(1)%buyers]
	return s.post(ctx, buyer, "/v1/purchases", map[string]any{"items": []any{line}}, nil)
}

// post sends body as the holder of token, or as a guest if that is empty. It demands 201, and decodes the answer into target unless that is nil.
func (s *shop) post(ctx context.Context, token, path string, body, target any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", uuid.NewString())
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	said, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusCreated:
		return fmt.Errorf("POST %s: %s: %s", path, response.Status, said)
	case target == nil:
		return nil
	}
	return json.Unmarshal(said, target)
}
