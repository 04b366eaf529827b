// Package replay sells a real shop's invoices through the API: it reads them,
// plans what is to happen from the file alone, does it, and then reads back,
// through the API, whether the shop has what the file says. It may be killed and
// run again at any time, and rides out what the shop rides out.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options say what is replayed and where.
type Options struct {
	// URL is the shop's address, without /v1.
	URL string
	// Email and Password are an admin's.
	Email, Password string
	// Path is the file of the invoices, CSV.
	Path string
	// AtOnce is how many requests are under way at a time, 1 or more.
	AtOnce int
	// Patience is how long one request is tried again while the shop cannot answer
	// it: longer than any failover, restart or deployment takes.
	Patience time.Duration
	Progress Progress
	// Out takes the reconciliation, Notes what is about this run alone.
	Out, Notes io.Writer
}

// ErrDiffers says that the shop does not have what the file says.
var ErrDiffers = errors.New("the shop does not have what the file says")

// Run replays a file. The error is nil when everything adds up, ErrDiffers when
// the reconciliation was written and does not, or what kept the run from its
// end: then running it again goes on where it stopped.
func Run(ctx context.Context, o Options) error {
	plan, err := planOf(o.Path)
	if err != nil {
		return fmt.Errorf("reading the invoices: %w", err)
	}
	s := newShop(newClient(strings.TrimSuffix(o.URL, "/"), o.Patience, o.AtOnce, o.Notes))
	r := &run{shop: s, plan: plan, atOnce: o.AtOnce, progress: o.Progress}
	defer r.notes(o.Notes)
	if err := s.logIn(ctx, o.Email, o.Password); err != nil {
		return err
	}
	if err := r.execute(ctx); err != nil {
		return err
	}
	found, err := r.check(ctx)
	if err != nil {
		return err
	}
	if found.lapses > 0 {
		fmt.Fprintf(o.Notes, "%d purchases were held too long before they were paid, and took their stock twice\n", found.lapses)
	}
	if err := report(o.Out, filepath.Base(o.Path), plan, found); err != nil {
		return err
	}
	if len(found.differences) > 0 {
		return ErrDiffers
	}
	return nil
}

func planOf(path string) (Plan, error) {
	file, err := os.Open(path)
	if err != nil {
		return Plan{}, err
	}
	defer func() { _ = file.Close() }()
	lines, unread, err := Read(file)
	if err != nil {
		return Plan{}, fmt.Errorf("%s: %w", path, err)
	}
	return MakePlan(lines, unread), nil
}

// notes says what was in the way.
func (r *run) notes(out io.Writer) {
	for i, problem := range r.problems {
		if i == mostDifferences {
			fmt.Fprintf(out, "… and %d more\n", len(r.problems)-i)
			break
		}
		fmt.Fprintln(out, "refused:", problem)
	}
	for _, why := range slices.Sorted(maps.Keys(r.shop.waits)) {
		fmt.Fprintf(out, "tried again %d times after: %s\n", r.shop.waits[why], why)
	}
}
