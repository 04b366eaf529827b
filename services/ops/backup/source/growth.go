package source

import (
	"context"
	"errors"
	"fmt"

	"evergreen/services/ops/backup/archive"
)

// Growth is how far the last file of a capture has come.
type Growth struct {
	// Bytes is the length of the last file.
	Bytes int64
	// State is what the files surely hold up to that length.
	State archive.State
	// Ended is why the capture's last file will not grow on as it should; nil while it does. The bytes can still be
	// taken.
	Ended error
}

// Grown looks at the last file and its node. An error that does not wrap Growth.Ended means that the node could not be
// asked now; the file goes on to be there.
func (c *Capture) Grown(ctx context.Context) (Growth, error) {
	growth := Growth{State: c.State}
	state, err := c.readState(ctx)
	if errors.Is(err, ErrRestoring) || err == nil && state.History != c.State.History {
		// What a restore writes belongs to another history: not one byte more is taken.
		growth.Bytes, growth.Ended = -1, errors.Join(fmt.Errorf("another history of the shop begins: %w", ErrChanged), err)
		return growth, nil
	}
	if err != nil {
		return growth, err
	}
	if growth.Bytes, err = c.length(c.Manifest.Last()); err != nil {
		return growth, err
	}
	switch changed := c.unchanged(ctx); {
	case errors.Is(changed, ErrChanged):
		// The node may write to another file by now: the state is known of the one before only, unless the manifest is
		// the same.
		growth.Ended = changed
		if text, err := c.readManifest(); err == nil && text == c.manifestText {
			growth.State = state
		}
		growth.Bytes, err = c.length(c.Manifest.Last())
		return growth, err
	case changed != nil:
		return growth, changed
	}
	growth.State = state
	return growth, nil
}

// Rest gives the length of the last file when its node cannot be asked any more.
func (c *Capture) Rest() (Growth, error) {
	bytes, err := c.length(c.Manifest.Last())
	return Growth{Bytes: bytes, State: c.State, Ended: ErrNoReplica}, err
}

// Took notes what was taken last.
func (c *Capture) Took(state archive.State) { c.State = state }
