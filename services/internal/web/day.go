package web

import (
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
)

// The names of the quotas of a day, as the store refuses by them.
const (
	QuotaDayKeys  = "quota-day-keys"
	QuotaDayBytes = "quota-day-bytes"
)

// DaySettings bound what the writes of one customer leave behind in a day (UTC).
type DaySettings struct {
	// Keys is how many outcomes may be remembered, Bytes how large the purchases may be in all.
	Keys, Bytes int
}

// Day counts what the customers' writes of today leave in the store, in this replica's memory: after a restart it
// begins at 0. Each replica grants its share of a quota. The table holds the last maxKnownUsers customers; the
// customer that has written nothing for the longest time falls out of it, and begins at 0 again. So a count is too
// low after such an event, and too high where a request is repeated under its key: each try counts.
type Day struct {
	settings DaySettings
	replicas func() int
	now      func() time.Time
	refused  func(quota string)

	mutex sync.Mutex
	users *lru.Cache[string, *dayCount]
}

// dayCount is what one customer has left behind on a day, counted from 1970.
type dayCount struct {
	day         int64
	keys, bytes int
}

// NewDay makes a Day. replicas tells how many replicas share the load, now the time; refused is told of each refusal.
func NewDay(s DaySettings, replicas func() int, now func() time.Time, refused func(quota string)) (*Day, error) {
	users, err := lru.New[string, *dayCount](maxKnownUsers)
	return &Day{settings: s, replicas: replicas, now: now, refused: refused, users: users}, err
}

// Watch is the middleware that lets ChangeOf count.
func (d *Day) Watch(c *gin.Context) { c.Set(contextDay, d) }

// today gives the count of a customer; the caller holds the mutex.
func (d *Day) today(user string) *dayCount {
	day := d.now().Unix() / 86_400
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
func (d *Day) write(user string) string {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	count, replicas := d.today(user), max(1, d.replicas())
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

// countWrite counts the write of a request whose outcome is remembered. Admins are under no quota.
func countWrite(c *gin.Context) string {
	who := Caller(c)
	day, watched := c.Value(contextDay).(*Day)
	if !watched || who.UserID == "" || who.IsAdmin() {
		return ""
	}
	quota := day.write(who.UserID)
	if quota != "" {
		day.refused(quota)
	}
	return quota
}

// CountBytes counts what the request's write has left in the store.
func CountBytes(c *gin.Context, bytes int) {
	who := Caller(c)
	if day, watched := c.Value(contextDay).(*Day); watched && who.UserID != "" && !who.IsAdmin() {
		day.stored(who.UserID, bytes)
	}
}
