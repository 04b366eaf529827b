package shoptest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// Sweeps reads lists of purchases to their end while purchases change their status all the time.
type Sweeps struct {
	// Makers make and move purchases, in turn. Reader reads the lists. All are admins.
	Makers []*Client
	Reader *Client
	// Product is what is bought; it has enough pieces.
	Product string
}

// The purchases of one round.
const (
	sweptMoving  = 150 // change their status while they are listed
	sweptStaying = 5   // in each of three statuses, keep it
	sweepPage    = "limit=7"
	sweepWorkers = 12 // make or move purchases at a time
)

// Require holds that each of so many rounds meets every purchase exactly once that was
// acknowledged before its first page and matches throughout: in the list of all, and in the
// lists of three statuses. Every other round sends the token of the last write before it,
// the others no-cache.
func (s Sweeps) Require(t *testing.T, rounds int) {
	t.Helper()
	for round := range rounds {
		moving := s.make(t, sweptMoving)
		staying := map[string][]string{}
		for status, action := range map[string]string{"pending": "", "paid": "pay", "cancelled": "cancel"} {
			staying[status] = s.make(t, sweptStaying)
			for _, id := range staying[status] {
				if action != "" {
					_, err := s.act(t.Context(), s.Makers[0], id, action)
					require.NoError(t, err)
				}
			}
		}
		last := s.Makers[0].Want(t, http.StatusOK, "POST", "/v1/products/"+s.Product+"/stock", Object{"delta": 1, "reason": "delivery"})
		reader := s.Reader.Current()
		if round%2 == 1 {
			reader = s.Reader.With("Consistency-Token", last.Header.Get("Consistency-Token"))
		}
		stop, moved := s.moveAll(t, moving)
		require.Eventually(t, func() bool { return moved.Load() > 0 }, time.Minute, time.Millisecond, "purchases move")
		found := sweep(t, reader, "/v1/purchases?"+sweepPage, moving[0])
		for status, ids := range staying {
			seen := sweep(t, reader, "/v1/purchases?"+sweepPage+"&status="+status, moving[0])
			requireOnce(t, fmt.Sprint("round ", round, ", status ", status), ids, seen)
		}
		stop()
		requireOnce(t, fmt.Sprint("round ", round, ", all"), append(moving, staying["paid"]...), found)
	}
}

func requireOnce(t *testing.T, what string, ids []string, found map[string]int) {
	t.Helper()
	var wrong []string
	for _, id := range ids {
		if found[id] != 1 {
			wrong = append(wrong, fmt.Sprint(id, ": ", found[id], " times"))
		}
	}
	require.Empty(t, wrong, what)
	for id, times := range found {
		require.Equal(t, 1, times, "%s: %s", what, id)
	}
}

// make makes n purchases, and gives their ids from the oldest on.
func (s Sweeps) make(t *testing.T, n int) []string {
	t.Helper()
	ids := make([]string, n)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(sweepWorkers)
	for i := range ids {
		group.Go(func() error {
			made, err := s.Makers[i%len(s.Makers)].Expect(ctx, http.StatusCreated, "POST", "/v1/purchases", Order(s.Product, 1))
			if err == nil {
				ids[i] = made.Text(t, "id")
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
	slices.Sort(ids)
	return ids
}

func (s Sweeps) act(ctx context.Context, at *Client, id, action string) (Answer, error) {
	var body any
	if action == "pay" {
		body = Object{"reference": "r"}
	}
	return at.Expect(ctx, http.StatusOK, "POST", "/v1/purchases/"+id+"/"+action, body)
}

// moveAll moves the purchases, the newest first, as a sweep meets them: each is cancelled, or
// paid, then fulfilled, then refunded. stop waits for what is under way.
func (s Sweeps) moveAll(t *testing.T, ids []string) (stop func(), moved *atomic.Int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	group, next := new(errgroup.Group), new(atomic.Int64)
	moved = new(atomic.Int64)
	for worker := range sweepWorkers {
		group.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1))
				if i > len(ids) {
					return nil
				}
				if err := s.moveOn(ctx, s.Makers[worker%len(s.Makers)], ids[len(ids)-i], i%3 == 0, moved); err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	return func() {
		cancel()
		require.NoError(t, group.Wait())
	}, moved
}

// moveOn takes a pending purchase to one of its ends.
func (s Sweeps) moveOn(ctx context.Context, at *Client, id string, cancels bool, moved *atomic.Int64) error {
	actions := []string{"pay", "fulfil", "refund"}
	if cancels {
		actions = []string{"cancel"}
	}
	for _, action := range actions {
		if _, err := s.act(ctx, at, id, action); err != nil {
			return err
		}
		moved.Add(1)
	}
	return nil
}

// sweep follows a list until it has passed an id, and counts how often it meets each one.
func sweep(t *testing.T, c *Client, path, oldest string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for at := path; ; {
		var page struct {
			Data []struct{ ID string }
			More bool   `json:"has_more"`
			Next string `json:"next_cursor"`
		}
		c.Want(t, http.StatusOK, "GET", at, nil).Into(t, &page)
		for _, item := range page.Data {
			found[item.ID]++
		}
		if !page.More || len(page.Data) > 0 && page.Data[len(page.Data)-1].ID < oldest {
			return found
		}
		at = path + "&cursor=" + page.Next
	}
}
