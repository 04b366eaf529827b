package web

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"
)

// The classes of callers; what the writes of a day leave beside purchases has a share of the memory for each class.
// Sign-ups and log-ins have one of their own, so that new customers can still sign in when the writes of others have
// used up theirs.
const (
	classSignIns = iota
	classNew     // customers without a paid purchase
	classKnown   // all other customers
	classes
)

// What writes leave, in bytes, about and rather more than less. docs/capacity.md has what was measured.
const (
	// rememberedBytes is a remembered outcome, in a bucket or under a key of its own.
	rememberedBytes = 160
	// sessionBytes is a session with its entry among the user's.
	sessionBytes = 400
)

// askAgainAfter is how long a customer counts as new after the shop has said so.
const askAgainAfter = time.Minute

// writer is who writes; user is "" where there is no session.
type writer struct {
	user, address string
	signsIn       bool
}

// addressCount is what an address has left behind on a day, counted from 1970, as one of each class.
type addressCount struct {
	day  int64
	used [classes]int64
}

func writerOf(c *gin.Context) writer {
	who := Caller(c)
	return writer{user: who.UserID, address: network(c.ClientIP()), signsIn: who.UserID == ""}
}

// shared counts bytes under the share of the writer's class and under that of the address, and gives the name of the
// quota that they pass, or "". An address counts for what is not known to be of a customer with a paid purchase.
func (d *Day) shared(ctx context.Context, w writer, bytes int64) string {
	unsure := d.toAsk(w, bytes) && !d.ask(ctx, w)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	class := d.class(w)
	most := d.most()
	switch {
	case most == 0 || unsure:
	case d.used[class]+bytes > most:
		return QuotaDayShare
	case class != classKnown && d.from(w.address).used[class]+bytes > d.mostOfAddress(most):
		return QuotaDayAddress
	}
	d.add(w, class, bytes)
	return ""
}

// left counts bytes that a write has left already.
func (d *Day) left(w writer, bytes int64) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.add(w, d.class(w), bytes)
}

// add counts bytes; the caller holds the mutex, and class is d.class(w).
func (d *Day) add(w writer, class int, bytes int64) {
	d.used[class] += bytes
	if class == classKnown {
		return
	}
	d.from(w.address).used[class] += bytes
	if class == classNew {
		d.today(w.user).shared += bytes
	}
}

// class is the writer's, as far as it is known. The caller holds the mutex. A new day begins here.
func (d *Day) class(w writer) int {
	if day := d.shop.Now().Unix() / 86_400; day != d.day {
		d.day, d.used = day, [classes]int64{}
	}
	switch {
	case w.user != "" && d.today(w.user).paid:
		return classKnown
	case w.signsIn:
		return classSignIns
	}
	return classNew
}

// from gives the count of an address; the caller holds the mutex.
func (d *Day) from(address string) *addressCount {
	count, known := d.addresses.Get(address)
	if !known {
		count = &addressCount{}
		d.addresses.Add(address, count)
	}
	if count.day != d.day {
		*count = addressCount{day: d.day}
	}
	return count
}

// most is this replica's part of a class's share, in bytes; 0 while the memory of the store is not known.
func (d *Day) most() int64 {
	return d.shop.MemoryBytes() * int64(d.settings.SharePercent) / 100 / int64(max(1, d.shop.Replicas()))
}

func (d *Day) mostOfAddress(most int64) int64 { return most * int64(d.settings.AddressPercent) / 100 }

// toAsk reports whether the shop has to be asked if the customer has a paid purchase: a share that the write counts for
// is half used, and the last answer is old. Before that an order costs no request for it.
func (d *Day) toAsk(w writer, bytes int64) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	class, most := d.class(w), d.most()
	if w.user == "" || class == classKnown || most == 0 {
		return false
	}
	now, count := d.shop.Now(), d.today(w.user)
	half := d.used[class]+bytes > most/2 || d.from(w.address).used[class]+bytes > d.mostOfAddress(most)/2
	if !half || now.Sub(count.asked) < askAgainAfter {
		return false
	}
	count.asked = now
	return true
}

// ask learns whether the customer has a paid purchase, and moves what was counted for it. It gives false if the store
// does not answer: then the write is not refused, and it is counted.
func (d *Day) ask(ctx context.Context, w writer) bool {
	paid, err := d.shop.HasPaid(ctx, w.user)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	count := d.today(w.user)
	if err != nil {
		count.asked = time.Time{}
		return false
	}
	if paid && !count.paid {
		d.used[classNew] = max(0, d.used[classNew]-count.shared)
		d.used[classKnown] += count.shared
		count.paid, count.shared = true, 0
	}
	return true
}
