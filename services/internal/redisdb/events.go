package redisdb

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Event is one entry of the stream of changes, as the write scripts leave it.
type Event struct {
	// At is when it happened, by the clock of the primary, to the millisecond.
	At time.Time
	// Kind is what happened, such as "purchase.paid".
	Kind string
	// ID is what it happened to, and Version which version of it came of it.
	ID, Version string
	// Request is the HTTP request that did it, Actor who asked for it: a user's id, or a part of the shop.
	Request, Actor string
}

// Node is a Redis node, and who asks it.
type Node struct {
	Addr           string // host:port
	User, Password string
}

// eventsPage is how many events are asked for at once.
const eventsPage = 1000

// EventsOfRequest finds the events that one HTTP request has left between two times (zero: from the first one, to the
// last one), and says how many it has looked at. Whoever asks needs the right to XRANGE, which the operator has.
func EventsOfRequest(ctx context.Context, node Node, request string, from, to time.Time) (found []Event, looked int, err error) {
	client := redis.NewClient(&redis.Options{
		Addr: node.Addr, Username: node.User, Password: node.Password, DialTimeout: time.Second, ContextTimeoutEnabled: true,
		DisableIdentity: true,
	})
	defer client.Close()
	start, end := bound(from, "-"), bound(to, "+")
	for {
		page, err := client.XRangeN(ctx, KeyEvents(), start, end, eventsPage).Result()
		if err != nil {
			return found, looked, fmt.Errorf("reading %s at %s: %w", KeyEvents(), node.Addr, err)
		}
		for _, message := range page {
			if event := eventOf(message); event.Request == request {
				found = append(found, event)
			}
		}
		if looked += len(page); len(page) < eventsPage {
			return found, looked, nil
		}
		start = "(" + page[len(page)-1].ID
	}
}

// bound is a time as the stream counts it.
func bound(at time.Time, otherwise string) string {
	if at.IsZero() {
		return otherwise
	}
	return strconv.FormatInt(at.UnixMilli(), 10)
}

func eventOf(message redis.XMessage) Event {
	value := func(name string) string {
		text, _ := message.Values[name].(string)
		return text
	}
	milliseconds, _, _ := strings.Cut(message.ID, "-")
	at, _ := strconv.ParseInt(milliseconds, 10, 64)
	return Event{
		At: time.UnixMilli(at), Kind: value("kind"), ID: value("id"), Version: value("version"),
		Request: value("request"), Actor: value("actor"),
	}
}
