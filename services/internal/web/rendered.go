package web

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"
)

// Rendered are the items of a part of a page, whose memory is counted.
type Rendered struct {
	// Items are rendered; nil stands for what a filter leaves out.
	Items []jsontext.Value

	ctx     context.Context //nolint:containedctx // it lives for one part of a page
	room    int
	largest int
}

// Render begins a part of a page that has room for so many bytes of items.
func Render(ctx context.Context, room int) *Rendered { return &Rendered{ctx: ctx, room: room} }

// Expect counts the memory that it takes to make one item, before it is made. Items are made one after the other, so the
// largest one counts.
func (r *Rendered) Expect(bytes int) error {
	if bytes <= r.largest {
		return nil
	}
	more := bytes - r.largest
	r.largest = bytes
	return HoldToShow(r.ctx, more)
}

// Add adds an item; more is false once the room is used up.
func (r *Rendered) Add(item jsontext.Value) (more bool, err error) {
	r.Items = append(r.Items, item)
	r.room -= len(item)
	return r.room > 0, HoldToShow(r.ctx, len(item))
}
