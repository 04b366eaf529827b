package web

import (
	"context"
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/lane"
)

// Bounds of large answers, which are those that hold more than smallBytes while they are made.
const (
	// largeAtOnce is how many a replica makes at once, largeQueued how many wait for that, and largeOfCaller how many one
	// caller has among both. Those of one caller are made one after the other.
	largeAtOnce, largeQueued, largeOfCaller = 1, 16, 4
	// largeRests is how many times as long as it took to make one the replica rests before the next. So they take a third of
	// a core at most, and less when the cores are busy.
	largeRests = 2
)

func largeLane() *lane.Lane {
	return lane.New(largeAtOnce, largeQueued).TakingTurns(largeOfCaller, 0).Resting(largeRests)
}

// HoldToShow is Hold for what is made to be shown by a read. A large answer waits here until it may be made.
func HoldToShow(ctx context.Context, bytes int) error {
	if h, bounded := ctx.Value(holdingKey{}).(*holding); bounded && !without(noAnswerBound) {
		if err := h.makeLarge(ctx, int64(bytes)); err != nil {
			return err
		}
	}
	return Hold(ctx, bytes)
}

// makeLarge waits for the slot for large answers before so many bytes more make the answer one of them. Admins do not wait.
func (h *holding) makeLarge(ctx context.Context, more int64) error {
	if h.made != nil || h.caller == "" || h.bytes+more <= smallBytes {
		return nil
	}
	leave, err := h.memory.large.Enter(ctx, h.caller)
	switch {
	case errors.Is(err, lane.ErrCallerBusy):
		h.memory.refused.WithLabelValues(boundCaller).Inc()
		return ErrCallerFull
	case errors.Is(err, lane.ErrBusy):
		h.memory.refused.WithLabelValues(boundReplica).Inc()
		return ErrFull
	case err != nil:
		return err
	}
	begun := time.Now()
	h.made = func() { leave(time.Since(begun)) }
	return nil
}

// endMaking gives the slot for large answers back.
func (h *holding) endMaking() {
	if h.made != nil {
		h.made()
		h.made = nil
	}
}

// madeAnswer gives the slot for large answers back before the answer is sent: how long that takes is up to the client.
func madeAnswer(c *gin.Context) {
	if h, bounded := c.Request.Context().Value(holdingKey{}).(*holding); bounded {
		h.endMaking()
	}
}
