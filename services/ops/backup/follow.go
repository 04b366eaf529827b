package backup

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"evergreen/services/ops/backup/source"
)

func newText(text string) io.Reader { return strings.NewReader(text) }

// follow ships what is written until the next full backup is due, and says why it is.
func (c *chain) follow(ctx context.Context) (cause string) {
	every := c.service.settings.ShipEvery
	answered, next := time.Now(), time.Now().Add(every)
	for {
		select {
		case <-ctx.Done():
			return ""
		case <-time.After(time.Until(next)):
		}
		growth, err := c.capture.Grown(ctx)
		switch {
		case ctx.Err() != nil:
			return ""
		case err != nil && time.Since(answered) > 2*every:
			c.service.log.Error("the node that the backup follows is silent; what is there is shipped", "node", c.capture.Node.Name, "error", err)
			c.shipRest(ctx)
			return causeSilent
		case err != nil:
			c.service.log.Warn("the node that the backup follows does not answer as it should", "node", c.capture.Node.Name, "error", err)
			next = time.Now().Add(every / 4)
			continue
		}
		answered, next = time.Now(), next.Add(every)
		if err := c.ship(ctx, growth); err != nil {
			c.service.note(ctx, "what was written could not be shipped", err, 1)
			next = time.Now()
			if growth.Ended == nil && time.Since(c.began) < c.service.settings.Every {
				continue
			}
		}
		if growth.Ended != nil {
			c.service.log.Info("the chain ends", "chain", c.id, "cause", growth.Ended)
			return causeChanged
		}
		if time.Since(c.began) >= c.service.settings.Every {
			return causeSchedule
		}
	}
}

// ship makes segments of what the last file has got. Those before the last one reach only as far as before.
func (c *chain) ship(ctx context.Context, growth source.Growth) error {
	if growth.Bytes <= c.taken {
		return nil
	}
	parts := split32(c.capture.Manifest.Last(), c.taken, growth.Bytes)
	for i, part := range parts {
		state := c.capture.State
		if i == len(parts)-1 {
			state = growth.State
		}
		e, err := c.seal(ctx, part, state)
		if err != nil {
			return err
		}
		e.increment = true
		c.taken += part.Length
		c.capture.Took(state)
		c.service.distribute(e)
	}
	c.service.room("capture", nil)
	return nil
}

// shipRest ships what is there of a node that does not answer.
func (c *chain) shipRest(ctx context.Context) {
	growth, err := c.capture.Rest()
	if err == nil {
		err = c.ship(ctx, growth)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		c.service.note(ctx, "the rest of a chain could not be shipped", err, 1)
	}
}
