package drill

import (
	"context"
	"fmt"
)

// short is for who cannot wait for all of it, such as continuous integration:
// three faults of three kinds, the second at the moment at which an old primary
// does the most harm, and two controls that are red most surely.
func (s *sitting) short(ctx context.Context) error {
	s.show.plan(5)
	for _, t := range []struct{ slug, variant string }{
		{"primary-crash", ""}, {"primary-freeze", "2.5s"}, {"api-kill", "api-1"},
	} {
		f, found := Find(t.slug)
		if !found {
			return fmt.Errorf("there is no fault %s", t.slug)
		}
		if !s.one(ctx, task{Fault: f, variant: t.variant}) {
			return ctx.Err()
		}
	}
	var controls []Fault
	for _, slug := range shortControls() {
		f, found := Find(slug)
		if !found {
			return fmt.Errorf("there is no control %s", slug)
		}
		controls = append(controls, f)
	}
	return s.controls(ctx, controls)
}

// shortControls lose writes in one case, and make them twice in the other.
func shortControls() []string { return []string{"no-wait", "no-request-ids"} }
