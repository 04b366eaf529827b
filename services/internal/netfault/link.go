package netfault

import (
	"net"
	"sync"
	"time"
)

// chunk is the most that is read at once, in bytes.
const chunk = 64 << 10

// link is one connection through a proxy. Each direction is carried by a
// goroutine of its own; the end of either is the end of both.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	ended          chan struct{}
	once           sync.Once

	mutex sync.Mutex
	// pending is what waits for the next bytes of a reply.
	pending *strike
}

// requests carries what the client sends. The end of what came before is kept as
// far as a match may have begun in it.
func (l *link) requests() {
	defer l.close()
	buffer, last := make([]byte, chunk), ""
	for {
		n, err := l.client.Read(buffer)
		if n > 0 {
			seen := last + string(buffer[:n])
			hit, begun := l.proxy.strike(seen)
			last = seen[len(seen)-begun:]
			if !l.request(buffer[:n], hit) {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// request passes a piece of a request on, or does not; it tells whether the
// connection lives.
func (l *link) request(piece []byte, hit *strike) bool {
	if hit != nil {
		switch hit.Kind {
		case LoseRequest:
			return false
		case HalveRequest:
			_, _ = l.server.Write(piece[:len(piece)/2])
			l.reset()
			return false
		case LoseReply, HalveReply, GarbleReply, DelayReply, KeepReply:
			l.await(hit)
		}
	}
	_, err := l.server.Write(piece)
	return err == nil
}

// replies carries what the server answers.
func (l *link) replies() {
	defer l.close()
	buffer := make([]byte, chunk)
	for {
		n, err := l.server.Read(buffer)
		if n > 0 && !l.reply(buffer[:n]) {
			return
		}
		if err != nil {
			return
		}
	}
}

// reply passes a piece of a reply on, or does not; it tells whether the
// connection lives.
func (l *link) reply(piece []byte) bool {
	if hit := l.await(nil); hit != nil {
		switch hit.Kind {
		case LoseReply:
			return false
		case HalveReply:
			_, _ = l.client.Write(piece[:len(piece)/2])
			return false
		case GarbleReply:
			piece = append([]byte(garbage), piece...)
		case DelayReply:
			if !l.hold(time.After(hit.Delay), hit.healed) {
				return false
			}
		case KeepReply:
			if !l.hold(nil, hit.healed) {
				return false
			}
		case LoseRequest, HalveRequest:
		}
	}
	_, err := l.client.Write(piece)
	return err == nil
}

// await puts what waits for the next reply and gives what waited before.
func (l *link) await(next *strike) *strike {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	before := l.pending
	l.pending = next
	return before
}

// hold waits until it is time or the proxy is healed; it answers false when the
// connection ends before.
func (l *link) hold(until <-chan time.Time, healed <-chan struct{}) bool {
	select {
	case <-until:
		return true
	case <-healed:
		return true
	case <-l.ended:
		return false
	}
}

// close ends the connection in the ordinary way.
func (l *link) close() {
	l.once.Do(func() {
		close(l.ended)
		_ = l.client.Close()
		_ = l.server.Close()
	})
}

// reset ends it with a reset on both sides: neither gets what is still on its way.
func (l *link) reset() {
	for _, side := range []net.Conn{l.client, l.server} {
		if tcp, is := side.(*net.TCPConn); is {
			_ = tcp.SetLinger(0)
		}
	}
	l.close()
}
