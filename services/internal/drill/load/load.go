// Package load is the drill's clients: they buy, pay, cancel, adjust, edit and
// read through nginx at a steady rate, and note everything.
package load

import (
	"context"
	"errors"
	"time"

	"evergreen/services/internal/drill/history"
)

// Options say where the shop is and what it has to bear.
type Options struct {
	// URL is the shop's, as clients use it; the admin's login makes products and customers.
	URL, AdminEmail, AdminPassword string
	// Writes and Reads are how many requests of each kind begin per second; 0 is 200.
	Writes, Reads int
	// Products and Customers are how many are made; 0 is 12 and 4.
	Products, Customers int
	// Seed decides what is sent: the same seed gives the same mix.
	Seed uint64
}

// Counts are what a progress bar shows.
type Counts struct{ Sent, Answered, Failed int }

// Load is a running load; Prepare makes one.
type Load struct{}

var errNotYet = errors.New("the load is not written yet")

// Prepare signs in, and makes the products and the customers.
func Prepare(context.Context, Options) (*Load, error) { return nil, errNotYet }

// Start begins the load.
func (l *Load) Start() {}

// Event notes that something was done to the shop now; what is one of history's.
func (l *Load) Event(what, text string) {}

// Now is the time since the history's Begin.
func (l *Load) Now() time.Duration { return 0 }

// Await returns when n answered operations are accepted; old ones count too.
func (l *Load) Await(ctx context.Context, n int, accept func(history.Op) bool) error { return errNotYet }

// Counts tells how far the load is.
func (l *Load) Counts() Counts { return Counts{} }

// Products lists the ids of the load's products.
func (l *Load) Products() []string { return nil }

// Admin speaks to the shop as its admin, for requests that are not in the history.
func (l *Load) Admin() *Client { return nil }

// Stop begins no more requests, and waits for those that are under way.
func (l *Load) Stop(ctx context.Context) error { return errNotYet }

// Finish makes the audit and gives the whole history. Call it after Stop, when
// the shop is quiet.
func (l *Load) Finish(ctx context.Context) (*history.History, error) { return nil, errNotYet }
