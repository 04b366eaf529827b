package netfault

import "time"

// Kind is what a fault does to an exchange that it strikes.
type Kind int

const (
	// LoseRequest closes the connection instead of passing the request on: the
	// server never sees it.
	LoseRequest Kind = iota
	// HalveRequest passes the first half of what was read of the request on and
	// resets the connection, on both sides, as a crashed machine in between does.
	HalveRequest
	// LoseReply passes the request on and closes the connection when its reply
	// arrives: the server has done what it was asked, and nobody hears of it.
	LoseReply
	// HalveReply passes the first half of what was read of the reply on and closes
	// the connection, so that the half surely arrives.
	HalveReply
	// GarbleReply puts bytes that no protocol allows before the reply.
	GarbleReply
	// DelayReply holds the reply back for Fault.Delay.
	DelayReply
	// KeepReply holds the reply back, and all that follows on that connection,
	// until the connection is closed by an end of it or the proxy is healed.
	KeepReply
)

// Fault is what happens to the exchanges that pass a proxy.
type Fault struct {
	Kind Kind
	// Match names the exchanges: a request that has these bytes in it is struck,
	// wherever they stand; an empty one strikes every request. What is known about
	// a request is what arrived at once or shortly before: a match that is spread
	// over two arrivals is found, but what came first has been passed on by then.
	Match string
	// Times is how many exchanges are struck; 0 means all of them until Heal.
	Times int
	// Delay is that of DelayReply.
	Delay time.Duration
}

// garbage begins like no reply of Redis, and ends its line, so that the reader
// does not wait for more.
const garbage = "\x00garbled\r\n"
