package drill

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"evergreen/services/internal/stack"
)

// clockOf is the replica whose clock is off.
const clockOf = "api-1"

// ownClock has one replica's clock go by a file, which is empty as yet: no offset,
// as when it is removed at the end of the fault, or of a sitting that is broken off.
func ownClock(ctx context.Context, o *stack.Options) (err error) {
	if o.APIBinary, err = WeakAPI(ctx); err != nil {
		return err
	}
	file, err := os.CreateTemp("", "evergreen-clock-")
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = os.Remove(file.Name()) })
	set(o, "SHOP_CLOCK_OFFSET", clockOf+"="+file.Name())
	return file.Close()
}

// jump puts the clock of a replica that serves ahead or back, restarts the replica
// while its clock is wrong, and puts it right again.
func jump(ctx context.Context, s *Scene) error {
	off, err := s.Sweep()
	if err != nil {
		return err
	}
	api, err := s.Process(clockOf)
	if err != nil {
		return err
	}
	_, path, _ := strings.Cut(s.Stack.Setting("SHOP_CLOCK_OFFSET"), "=")
	s.Fault(fmt.Sprintf("the wall clock of %s jumps by %v", api.Name(), off))
	err = os.WriteFile(path, []byte(off.String()), 0o600)
	if err == nil {
		err = errors.Join(s.Hold(ctx, 3*time.Second), shifted(ctx, s, api, off))
	}
	if err == nil {
		s.Step(api.Name() + " restarts with it")
		err = errors.Join(api.Restart(ctx), s.Hold(ctx, 3*time.Second), shifted(ctx, s, api, off))
	}
	err = errors.Join(err, os.Remove(path))
	s.Heal("the clock is right again")
	return err
}

// shifted asks the replica itself. What goes by its clock has to show that the
// clock is off; how long a session lasts and a purchase is reserved must not.
func shifted(ctx context.Context, s *Scene, api Process, off time.Duration) error {
	admin := s.Load.Admin().At("http://" + api.Addr())
	var product struct {
		ID        string
		CreatedAt time.Time `json:"created_at"`
	}
	var purchase struct {
		ReservedUntil time.Time `json:"reserved_until"`
	}
	var session struct {
		ExpiresAt time.Time `json:"expires_at"`
	}
	err := ask(ctx, admin, "POST", "/v1/products", http.StatusCreated,
		object{"name": "Clock", "price": object{"amount": 100, "currency": "EUR"}, "stock": 1}, &product)
	if err == nil {
		err = ask(ctx, admin, "POST", "/v1/purchases", http.StatusCreated,
			object{"items": []object{{"product_id": product.ID, "quantity": 1}}}, &purchase)
	}
	if err == nil {
		err = ask(ctx, admin, "GET", "/v1/sessions/current", http.StatusOK, nil, &session)
	}
	if err != nil {
		return err
	}
	return errors.Join(
		ahead("a new product", product.CreatedAt, off),
		ahead("the end of a reservation", purchase.ReservedUntil, lasts(s, "RESERVATION")),
		ahead("the end of a session", session.ExpiresAt, lasts(s, "SESSION_TTL")))
}

// lasts is a setting that is a duration.
func lasts(s *Scene, name string) time.Duration {
	d, _ := time.ParseDuration(s.Stack.Setting(name))
	return d
}

// ahead demands that a time is so far from now, give or take what a run takes.
func ahead(what string, at time.Time, by time.Duration) error {
	if off := time.Until(at) - by; off.Abs() > 10*time.Minute {
		return fmt.Errorf("%s is at %v: that is %v off", what, at, off.Round(time.Second))
	}
	return nil
}
