package web

import (
	"context"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"

	"evergreen/services/internal/fault"
)

// The names of the quotas of a day, as the store refuses by them.
const (
	QuotaDayKeys    = "quota-day-keys"
	QuotaDayBytes   = "quota-day-bytes"
	QuotaDayShare   = "quota-day-share"
	QuotaDayAddress = "quota-day-address"
)

// DaySettings bound what the writes of a day (UTC) leave behind.
type DaySettings struct {
	// Keys is how many outcomes of one customer may be remembered, Bytes how much the customer's purchases and long
	// outcomes may take.
	Keys, Bytes int
	// SharePercent is the part of the store's memory for what each class of callers leaves beside purchases;
	// AddressPercent is the part of such a share for one address.
	SharePercent, AddressPercent int
}

// DayShop is what a Day asks of the shop.
type DayShop struct {
	// Replicas tells how many replicas share the load.
	Replicas func() int
	// MemoryBytes is what the store may hold; 0 while it is not known, and then no share is bounded.
	MemoryBytes func() int64
	// HasPaid tells whether a customer has paid for a purchase. It is asked once a share is half used.
	HasPaid func(ctx context.Context, user string) (bool, error)
	// Now tells the time, Refused is told of each refusal.
	Now     func() time.Time
	Refused func(quota string)
}

// Day counts what the writes of today leave in the store, in this replica's memory: after a restart it
// begins at 0. Each replica grants its part of a quota. The table holds the last maxKnownUsers customers; the
// customer that has written nothing for the longest time falls out of it, and begins at 0 again. So a count is too
// low after such an event, and too high where a request is repeated under its key: each try counts.
type Day struct {
	settings DaySettings
	shop     DayShop

	mutex     sync.Mutex
	day       int64 // of the shares, counted from 1970
	users     *lru.Cache[string, *dayCount]
	used      [classes]int64
	addresses *lru.Cache[string, *addressCount]
}

// dayCount is what one customer has left behind on a day, counted from 1970.
type dayCount struct {
	day         int64
	keys, bytes int
	// shared is what counts for the share of new customers; paid moves it to that of the others.
	shared int64
	paid   bool
	asked  time.Time // when the store was asked for paid
}

// NewDay makes a Day.
func NewDay(s DaySettings, shop DayShop) (*Day, error) {
	users, err := lru.New[string, *dayCount](maxKnownUsers)
	if err != nil {
		return nil, err
	}
	addresses, err := lru.New[string, *addressCount](maxKnownAddresses)
	return &Day{settings: s, shop: shop, users: users, addresses: addresses}, err
}

// Watch is the middleware that lets ChangeOf count.
func (d *Day) Watch(c *gin.Context) { c.Set(contextDay, d) }

// today gives the count of a customer; the caller holds the mutex.
func (d *Day) today(user string) *dayCount {
	day := d.shop.Now().Unix() / 86_400
	count, known := d.users.Get(user)
	if !known {
		count = &dayCount{}
		d.users.Add(user, count)
	}
	if count.day != day {
		*count = dayCount{day: day}
	}
	return count
}

// write counts one write of a customer, and gives the name of the quota that it passes, or "".
func (d *Day) write(ctx context.Context, w writer) string {
	if w.user != "" {
		if quota := d.own(w.user); quota != "" {
			return quota
		}
	}
	return d.shared(ctx, w, rememberedBytes)
}

// own counts one write under the customer's own quotas.
func (d *Day) own(user string) string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	count, replicas := d.today(user), max(1, d.shop.Replicas())
	switch {
	case count.keys >= share(d.settings.Keys, replicas):
		return QuotaDayKeys
	case count.bytes >= share(d.settings.Bytes, replicas):
		return QuotaDayBytes
	}
	count.keys++
	return ""
}

// share is a replica's part of a quota, rounded up.
func share(quota, replicas int) int { return (quota + replicas - 1) / replicas }

// stored counts bytes that a customer's write has left.
func (d *Day) stored(user string, bytes int) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.today(user).bytes += bytes
}

// watched gives the Day that counts a request, or nil where there is none. Admins are under no quota.
func watched(c *gin.Context) *Day {
	if day, found := c.Value(contextDay).(*Day); found && !Caller(c).IsAdmin() {
		return day
	}
	return nil
}

// countWrite counts the write of a request whose outcome is remembered.
func countWrite(c *gin.Context) string {
	day := watched(c)
	if day == nil {
		return ""
	}
	quota := day.write(c.Request.Context(), writerOf(c))
	if quota != "" {
		day.shop.Refused(quota)
	}
	return quota
}

// CountBytes counts the purchase that the request has made.
func CountBytes(c *gin.Context, bytes int) {
	if day, user := watched(c), Caller(c).UserID; day != nil && user != "" {
		day.stored(user, bytes)
	}
}

// CountLeft counts what the request's write has left beside a purchase and a short outcome: a long outcome or an account.
func CountLeft(c *gin.Context, bytes int) {
	day, w := watched(c), writerOf(c)
	if day == nil {
		return
	}
	if w.user != "" {
		day.stored(w.user, bytes)
	}
	day.left(w, int64(bytes))
}

// CountLogIn counts the session of a user who logs in; the error says that there is no room for it today.
func CountLogIn(c *gin.Context, user, role string) error {
	day, found := c.Value(contextDay).(*Day)
	if !found || role == RoleAdmin || Caller(c).IsAdmin() {
		return nil
	}
	quota := day.shared(c.Request.Context(), writer{user: user, address: network(c.ClientIP()), signsIn: true}, sessionBytes)
	if quota == "" {
		return nil
	}
	day.shop.Refused(quota)
	if quota == QuotaDayAddress {
		return fault.DayAddress
	}
	return fault.DayShare
}
