package attack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/drill/load"
	"evergreen/services/internal/stack"
)

// Scene is what a class works on: a private shop with its victims.
type Scene struct {
	// Stack is the shop.
	Stack *stack.Stack
	// Admin speaks as the shop's admin, Guest as a guest from many addresses.
	Admin, Guest *load.Client
	// Product is one with plenty of stock, which the victims buy.
	Product string
	// Attackers, Target (such as the path that is attacked) and Products are filled by Setup.
	Attackers []Person
	Target    string
	Products  []string
	// Size is the class's.
	Size int

	run    string // part of every name, key and email
	mu     sync.Mutex
	counts map[string]int // of the attack's answers, by status and code
	notes  map[string]float64
	serial int
}

// Person is a customer with a session.
type Person struct {
	ID, Email, Password string
	// Purchase is one of theirs, if the setup has made one.
	Purchase string
	Client   *load.Client
}

// object is a JSON object to send.
type object = map[string]any

func euro() object { return object{"amount": 1999, "currency": "EUR"} }

// newScene signs the admin in and makes the product that victims buy.
func newScene(ctx context.Context, shop *stack.Stack) (*Scene, error) {
	s := &Scene{
		Stack: shop, Guest: load.NewClient(shop.URL()), run: "attack-" + strings.ToLower(rand.Text()[:10]), counts: map[string]int{}, notes: map[string]float64{},
	}
	token, _, err := s.signIn(ctx, s.Guest, shop.Setting("ADMIN_EMAIL"), shop.Setting("ADMIN_PASSWORD"))
	if err != nil {
		return nil, fmt.Errorf("signing the admin in: %w", err)
	}
	s.Admin = s.Guest.As(token)
	s.Product, err = s.NewProduct(ctx, 100_000_000)
	return s, err
}

func (s *Scene) signIn(ctx context.Context, c *load.Client, email, password string) (token, id string, err error) {
	var session struct {
		Token string
		User  struct{ ID string }
	}
	err = c.Insist(ctx, "POST", "/v1/sessions", object{"email": email, "password": password}, &session)
	return session.Token, session.User.ID, err
}

// Key is a name that no other has, for keys, products and accounts.
func (s *Scene) Key() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return s.run + "-" + strconv.Itoa(s.serial)
}

// Address is an address of this machine from which clients may come, by its number, 0 to 99. The victims' are 100 and above.
func (s *Scene) Address(number int) string { return fmt.Sprintf("%s.%d", s.Stack.Net, 100+number%100) }

// Client speaks as a guest from one address.
func (s *Scene) Client(address string) *load.Client { return s.Guest.From(address) }

// NewProduct makes a product with so many pieces and gives its id.
func (s *Scene) NewProduct(ctx context.Context, stock int) (string, error) {
	name := s.Key()
	var made struct{ ID string }
	err := s.Admin.Keyed(name).Insist(ctx, "POST", "/v1/products",
		object{"name": name, "price": euro(), "stock": stock}, &made)
	return made.ID, err
}

// NewProducts makes n products.
func (s *Scene) NewProducts(ctx context.Context, n, stock int) ([]string, error) {
	made := make([]string, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range made {
		group.Go(func() (err error) {
			made[i], err = s.NewProduct(ctx, stock)
			return err
		})
	}
	return made, group.Wait()
}

// Customers signs n people up and in; each comes from an address of their own, from the number first on. The admin's session
// goes along with the sign-up and the log-in, because those of one address are limited.
func (s *Scene) Customers(ctx context.Context, n, first int) ([]Person, error) {
	people := make([]Person, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range people {
		group.Go(func() (err error) {
			people[i], err = s.customer(ctx, s.Address(first+i))
			return err
		})
	}
	return people, group.Wait()
}

func (s *Scene) customer(ctx context.Context, address string) (Person, error) {
	name := s.Key()
	p := Person{Email: name + "@example.com", Password: rand.Text()}
	home := s.Client(address)
	err := s.Admin.Keyed(name).Insist(ctx, "POST", "/v1/users", object{"email": p.Email, "password": p.Password}, &struct{}{})
	if err != nil {
		return p, err
	}
	token, id, err := s.signIn(ctx, s.Admin, p.Email, p.Password)
	p.ID, p.Client = id, home.As(token)
	return p, err
}

// Order is the body of a purchase of so many pieces of each product.
func Order(quantity int, products ...string) any {
	items := make([]object, len(products))
	for i, id := range products {
		items[i] = object{"product_id": id, "quantity": quantity}
	}
	return object{"items": items}
}

// Buy makes a purchase in Setup, and gives its id.
func (s *Scene) Buy(ctx context.Context, who Person, quantity int, products ...string) (string, error) {
	var made struct{ ID string }
	err := who.Client.Keyed(s.Key()).Insist(ctx, "POST", "/v1/purchases", Order(quantity, products...), &made)
	return made.ID, err
}

// Pay pays a purchase in Setup.
func (s *Scene) Pay(ctx context.Context, purchase string) error {
	key := s.Key()
	return s.Admin.Keyed(key).Insist(ctx, "POST", "/v1/purchases/"+purchase+"/pay", object{"reference": key}, &struct{}{})
}

// Count counts an answer to the attack under a name of the class's own, such as "reset".
func (s *Scene) Count(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[name]++
}

// Add adds to a figure of the class's own.
func (s *Scene) Add(name string, value float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes[name] += value
}

// Most raises a figure of the class's own to a value, if that is higher.
func (s *Scene) Most(name string, value float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes[name] = max(s.notes[name], value)
}

func (s *Scene) figures() map[string]float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.notes)
}

func (s *Scene) answers() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// named is what an answer is counted as: its status, and the code of a problem.
func named(a load.Answer, err error) string {
	if err != nil {
		return "no answer"
	}
	status := strconv.Itoa(a.Status)
	var problem struct{ Code string }
	if a.Status >= 400 && json.Unmarshal(a.Body, &problem) == nil && problem.Code != "" {
		return status + " " + problem.Code
	}
	return status
}
