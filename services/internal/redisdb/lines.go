package redisdb

import (
	"context"
	"net"
	"sync"
)

// lines are the connections that were dialled, by their node's address, so that those to a
// node can be hung up: the driver does not interrupt a read, and a group that
// waits for a frozen primary would go on waiting when there is a new one.
type lines struct {
	// through gives the address that is dialled for a node's. It is the same one,
	// except where faults are put in between: in the tests here and in the drill.
	// Whoever sets another does it before the first connection.
	through func(address string) string

	mutex sync.Mutex
	open  map[string]map[*line]bool
}

func newLines(through func(address string) string) *lines {
	return &lines{through: through, open: map[string]map[*line]bool{}}
}

// line is a connection that takes itself off the list when it is closed.
type line struct {
	net.Conn
	closed func(*line)
}

// Close closes the connection.
func (l *line) Close() error {
	l.closed(l)
	return l.Conn.Close()
}

// dial is the driver's dialer.
func (l *lines) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, l.through(address))
	if err != nil {
		return nil, err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	made := &line{Conn: conn, closed: func(gone *line) {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		delete(l.open[address], gone)
	}}
	if l.open[address] == nil {
		l.open[address] = map[*line]bool{}
	}
	l.open[address][made] = true
	return made, nil
}

// hangUp ends every exchange with a node that is under way, and every idle
// connection: what comes next is dialled anew.
func (l *lines) hangUp(address string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for one := range l.open[address] {
		_ = one.Conn.Close()
	}
	delete(l.open, address)
}
