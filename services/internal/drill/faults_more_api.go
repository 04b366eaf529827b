package drill

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// nginxPatience is how long nginx waits for a replica's answer (proxy_read_timeout).
	nginxPatience = 12 * time.Second
	// restockBefore is how long before the frozen replica wakes up there is stock
	// again: 14 s after the freeze, what nginx retried after 12 s has been refused.
	restockBefore = time.Second
)

// apiFaults are those of one API replica.
func apiFaults() []Fault {
	return []Fault{
		{
			Slug:  "api-freeze-retry",
			Title: "an API replica is frozen in the middle of requests, and wakes up after they were retried at the other",
			// The other replica goes on; what the frozen one holds is answered when it wakes
			// up, or by the other when nginx has waited its 12 s.
			Promise:  &Promise{WriteGap: unseen, ReadGap: unseen, Slowest: nginxPatience + deadline},
			Products: many,
			Variants: []string{"14s", "3s", "6s"},
			Settings: manyConnections(),
			Inject:   freezeAPI,
		},
		{
			Slug:  "clock-jump",
			Title: "the wall clock of one API replica jumps, and the replica restarts with it",
			// Nothing goes by a replica's clock that anybody is promised.
			Promise:  &Promise{WriteGap: unseen, ReadGap: unseen, Slowest: deadline},
			Variants: []string{"1h", "-1h"},
			Prepare:  ownClock,
			Inject:   jump,
		},
	}
}

// manyConnections lifts a limit that the drill would meet, all of whose clients
// share one address: a frozen replica holds half of the requests for 12 s.
func manyConnections() map[string]string { return map[string]string{"EDGE_CONNECTIONS": "4000"} }

// freezeAPI freezes a replica while purchases of something that is sold out are
// under way. Their clients are refused, by the other replica if need be; then
// there is stock again; then the frozen one wakes up and carries out what it has:
// under the same request ids it must not buy what was refused.
func freezeAPI(ctx context.Context, s *Scene) error {
	d, err := s.Sweep()
	if err != nil {
		return err
	}
	api, err := s.Process("api-1")
	if err != nil {
		return err
	}
	sought, err := soldOut(ctx, s)
	if err != nil {
		return err
	}
	s.Fault(fmt.Sprintf("%s frozen for %v", api.Name(), d))
	err = api.Pause()
	began := time.Now()
	sought.order(ctx)
	if err == nil {
		err = s.Hold(ctx, d-restockBefore)
	}
	s.Step("what was sold out has stock again")
	err = errors.Join(err, sought.restock(ctx))
	err = errors.Join(err, s.Hold(ctx, d-time.Since(began)), api.Resume())
	s.Heal(api.Name() + " goes on")
	return errors.Join(err, sought.settle(ctx, s))
}
