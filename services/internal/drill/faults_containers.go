package drill

import (
	"context"
	"errors"
	"fmt"
)

// containerFaults are those that only containers can have.
func containerFaults() []Fault {
	return []Fault{{
		Slug: "primary-cut", Title: "the primary cut off from the network for a while",
		// It goes on by itself, with nobody to tell and nobody to hold its writes: the rest
		// is as with a frozen one.
		Promise:    silentPrimary(),
		Variants:   append(aroundDown(afterDown), "5s", "8s", "12s", "17s"),
		Containers: ofANetwork,
		Inject:     primaryCut,
	}}
}

// networked is a process whose network can be taken away and given back.
type networked interface {
	Disconnect(ctx context.Context) error
	Connect(ctx context.Context) error
}

// primaryCut leaves the connections open, as a pulled cable does: what was sent
// meanwhile arrives when the network is back.
func primaryCut(ctx context.Context, s *Scene) error {
	d, primary, err := s.SweepPrimary(ctx)
	if err != nil {
		return err
	}
	line, can := primary.(networked)
	if !can {
		return fmt.Errorf("%s has no network of its own", primary.Name())
	}
	s.Fault(primary.Name() + " cut off")
	if err = line.Disconnect(ctx); err == nil {
		s.Step(primary.Name() + " has no network")
		err = s.Hold(ctx, d)
	}
	err = errors.Join(err, line.Connect(context.WithoutCancel(ctx)))
	s.Heal(primary.Name() + " has its network again")
	return err
}
