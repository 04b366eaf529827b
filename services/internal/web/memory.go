package web

import (
	"context"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/lane"
)

// ErrFull refuses what does not fit into the memory that this replica has for requests.
var ErrFull = &fault.Error{
	Kind: fault.Unavailable, Code: "busy", RetryAfter: time.Second,
	Detail: "This replica has as many large requests under way as its memory allows. Nothing was changed.",
}

// ErrCallerFull refuses what does not fit into the memory that one caller may have.
var ErrCallerFull = &fault.Error{
	Kind: fault.TooMany, Code: "caller-busy", RetryAfter: time.Second,
	Detail: "Your requests under way hold as much memory as one caller may have. Wait for their answers.",
}

// What a request is taken to hold, in bytes.
const (
	// requestBytes is for each request, whatever it asks: its connection, its goroutines, its headers. A held order of
	// one line takes about as much: 24 KiB of stacks and 16 KiB of heap.
	requestBytes = 40 << 10
	// bodyWeight is how many times over a body is held: as it came, and as the texts of what it is decoded to.
	bodyWeight = 2
	// valueBytes is for each value of a body: what it is decoded to, looked up for, and sent to Redis as.
	valueBytes = 512
	// largeShare is the part of the memory that large requests may hold: 1 / largeShare, in all and of one caller.
	largeShare = 2
	// smallBytes is the most that a small request holds.
	smallBytes = 256 << 10
)

// Memory bounds what all requests of this replica hold at a time, and those of one caller: a user, or an address without
// a session. Large requests may use half of it, so that small ones find room beside them: the writes that are held in a
// failover above all.
type Memory struct {
	allBytes, callerBytes int64
	refused               *prometheus.CounterVec
	// large is for the making of answers that are no small ones, which takes a core for some tens of milliseconds each.
	large *lane.Lane

	mu      sync.Mutex
	held    int64
	callers map[string]int64 // those that hold something, and how much
}

// The bounds that refuse, as labels.
const (
	boundReplica = "replica"
	boundCaller  = "caller"
)

// NewMemory makes a Memory of so many bytes, of which one caller may have a quarter.
func NewMemory(allBytes int64, registry prometheus.Registerer) *Memory {
	m := &Memory{allBytes: allBytes, callerBytes: allBytes / 4, large: largeLane(), callers: map[string]int64{}}
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "shop_request_memory_refused_total",
		Help: "Requests that were refused because of the memory that requests hold, by whose bound it was.",
	}, []string{"bound"})
	for _, bound := range []string{boundReplica, boundCaller} {
		m.refused.WithLabelValues(bound)
	}
	registry.MustRegister(m.refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "shop_request_memory_held_bytes", Help: "Memory that the requests under way are taken to hold.",
	}, func() float64 { return float64(m.heldBytes()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "shop_request_memory_limit_bytes", Help: "The most that shop_request_memory_held_bytes can be.",
	}, func() float64 { return float64(allBytes) }))
	return m
}

func (m *Memory) heldBytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// holding is what one request holds.
type holding struct {
	memory *Memory
	caller string // "" has no bound of its own
	bytes  int64
	made   func() // tells that a large answer is made; nil if there is none in the making
}

// take adds to what the request holds. After an error it holds what it held before.
func (h *holding) take(more int64) error {
	m := h.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	room, own := m.allBytes, m.callerBytes
	if h.bytes+more > smallBytes {
		room, own = room/largeShare, own/largeShare
	}
	switch {
	case h.caller != "" && m.callers[h.caller]+more > own:
		m.refused.WithLabelValues(boundCaller).Inc()
		return ErrCallerFull
	case m.held+more > room:
		m.refused.WithLabelValues(boundReplica).Inc()
		return ErrFull
	}
	h.add(more)
	return nil
}

// add is take without a bound, under the lock.
func (h *holding) add(more int64) {
	h.bytes += more
	h.memory.held += more
	if h.caller == "" {
		return
	}
	if left := h.memory.callers[h.caller] + more; left > 0 {
		h.memory.callers[h.caller] = left
	} else {
		delete(h.memory.callers, h.caller)
	}
}

// give gives all of it back.
func (h *holding) give() {
	h.memory.mu.Lock()
	defer h.memory.mu.Unlock()
	h.add(-h.bytes)
}

// moveTo has what the request holds count for another caller; "" is one without a bound.
func (h *holding) moveTo(caller string) error {
	bytes := h.bytes
	h.give()
	h.caller = caller
	return h.take(bytes)
}

type holdingKey struct{}

// Bound is the middleware that bounds what requests hold. It goes before all that reads a body or renders an answer.
func (m *Memory) Bound(c *gin.Context) {
	h := &holding{memory: m, caller: "address " + network(c.ClientIP())}
	if err := h.take(requestBytes); err != nil {
		Fail(c, err)
		return
	}
	defer h.give()
	defer h.endMaking()
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), holdingKey{}, h))
	c.Next()
}

// holdFor has what a request holds count for who makes it. Admins have no bound of their own.
func holdFor(ctx context.Context, who Principal) error {
	h, bounded := ctx.Value(holdingKey{}).(*holding)
	switch {
	case !bounded:
		return nil
	case who.IsAdmin():
		return h.moveTo("")
	}
	return h.moveTo("user " + who.UserID)
}

// hold adds to what the request under the context holds, until it is answered.
func hold(ctx context.Context, bytes int64) error {
	if h, bounded := ctx.Value(holdingKey{}).(*holding); bounded {
		return h.take(bytes)
	}
	return nil
}

// Hold adds bytes of an answer, or of what it is made from, to what the request under the context holds, until it is
// answered. Its error refuses the request: the memory of the replica or of the caller is used up.
func Hold(ctx context.Context, bytes int) error {
	if without(noAnswerBound) {
		return nil
	}
	return hold(ctx, int64(bytes))
}
