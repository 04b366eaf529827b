package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"evergreen/services/internal/drill/history"
)

// Unedited lists the products that the mix does not edit.
func (l *Load) Unedited() []string {
	return append([]string(nil), l.products[len(l.products)-l.options.Unedited:]...)
}

// Edits edits the products that the mix leaves alone, so many times a second until Stop, at the API replica with this
// address, such as "http://127.20.0.2:5000". They are written by one version of the shop then, while two run.
func (l *Load) Edits(at string, perSecond int) {
	m := newMix(l, 3)
	products := l.Unedited()
	l.flying.Add(1)
	go l.every(perSecond, func() []task {
		t := m.keyed(m.editOf(products[m.rand.IntN(len(products))]))
		t.at = at
		return []task{t}
	})
}

// Program notes that an API replica runs another version of the shop from now on.
func (l *Load) Program(replica, version string) {
	l.record.note(history.Event{What: history.Program, Text: version, Replica: replica})
}

// Abandon makes n purchases of one line each, which nobody pays or cancels, and returns their ids. The error says that one
// of them was not made.
func (l *Load) Abandon(ctx context.Context, n int) ([]string, error) {
	ids := make([]string, 0, n)
	for i := range n {
		op := history.Op{Kind: history.Buy, User: l.customers[i%len(l.customers)].user, Client: l.staff[0].number}
		op.Lines = []history.Line{{Product: l.plentiful(i), Quantity: 1}}
		l.record.sent(&op)
		op.Key, op.Mark = l.run+"-"+strconv.Itoa(op.Logical), MarkBase+int64(op.Logical)
		done, err := l.insistOn(ctx, op)
		if err != nil {
			return nil, fmt.Errorf("a purchase that is to be abandoned: %w", err)
		}
		ids = append(ids, done.Purchase)
	}
	return ids, nil
}

// plentiful is a product that does not run out, another one for each i; where there are only scarce ones, one of these.
func (l *Load) plentiful(i int) string {
	var all []string
	for number, id := range l.products {
		if !isScarce(number) {
			all = append(all, id)
		}
	}
	if len(all) == 0 {
		all = l.products
	}
	return all[i%len(all)]
}

var errRefused = errors.New("refused")

// insistOn sends an operation with a key until it is answered, and notes each request. Clients do not learn of it.
func (l *Load) insistOn(ctx context.Context, op history.Op) (history.Op, error) {
	for {
		answered, pause := l.exchange(l.staff[0], op)
		switch answered.Outcome {
		case history.Done:
			return answered, nil
		case history.Refused:
			return answered, fmt.Errorf("%w: %d %s", errRefused, answered.Status, answered.Code)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answered, ctx.Err()
		}
		op = l.repeated(op)
	}
}

// Ends notes that the reservation of an abandoned purchase ends, so long after the history's Begin. Call it before Finish.
func (l *Load) Ends(purchase string, ends time.Duration) {
	l.reservations = append(l.reservations, history.Reservation{Purchase: purchase, Ends: ends})
}
