// Package netfault stands TCP proxies before servers, and breaks what passes
// through them at chosen moments: after the request arrived and before the reply
// did, in the middle of either, late, never. What is struck is chosen by what a
// request says, so that a test hits the one exchange that it is about and not the
// questions that are asked beside it.
package netfault

import (
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// dialTimeout bounds the connecting to the server behind a proxy.
const dialTimeout = time.Second

// Proxy passes connections on to one server, and breaks them as it is told.
type Proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mutex  sync.Mutex
	fault  *Fault // nil: none
	struck int
	healed chan struct{} // closed when the present fault is taken away
	links  map[*link]bool
	closed bool
}

// Listen starts a proxy at an address (host:port; port 0 takes a free one)
// before the server at target.
func Listen(address, target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, healed: make(chan struct{}), links: map[*link]bool{}}
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Target is the address of the server behind it.
func (p *Proxy) Target() string { return p.target }

// Set puts a fault in the place of the one before, for all connections, the open
// ones too, and counts what it strikes from zero.
func (p *Proxy) Set(f Fault) { p.put(&f) }

// Heal takes the fault away: what was held back is passed on, and all goes through.
// Connections that were broken stay broken.
func (p *Proxy) Heal() { p.put(nil) }

func (p *Proxy) put(f *Fault) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	close(p.healed)
	p.fault, p.healed = f, make(chan struct{})
	if f != nil {
		p.struck = 0
	}
}

// Struck tells how many exchanges the last fault has struck; it still does so
// after Heal.
func (p *Proxy) Struck() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.struck
}

// Cut breaks every open connection; new ones are accepted as before.
func (p *Proxy) Cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for one := range p.links {
		one.reset()
	}
}

// Close ends the proxy and all its connections; from then on its address refuses.
// It may be called more than once.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	p.mutex.Lock()
	p.closed = true
	for one := range p.links {
		one.close()
	}
	p.mutex.Unlock()
	p.running.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve carries one connection to its end.
func (p *Proxy) serve(client net.Conn) {
	server, err := net.DialTimeout("tcp", p.target, dialTimeout)
	if err != nil {
		_ = client.Close() // as near as a proxy comes to a refused connection
		return
	}
	l := &link{proxy: p, client: client, server: server, ended: make(chan struct{})}
	if !p.keep(l) {
		l.close()
		return
	}
	defer p.forget(l)
	p.running.Go(l.replies)
	l.requests()
}

func (p *Proxy) keep(l *link) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.links[l] = true
	return !p.closed
}

func (p *Proxy) forget(l *link) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.links, l)
}

// strike answers the fault that strikes this request, if one does, and counts it;
// and how many bytes of the request's end may be the beginning of a match.
func (p *Proxy) strike(request string) (hit *strike, begun int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch {
	case p.fault == nil || (p.fault.Times > 0 && p.struck >= p.fault.Times):
		return nil, 0
	case !strings.Contains(request, p.fault.Match):
		return nil, min(len(request), len(p.fault.Match)-1)
	}
	p.struck++
	return &strike{Fault: *p.fault, healed: p.healed}, 0
}

// strike is a fault that has found its exchange; healed ends what it holds back.
type strike struct {
	Fault

	healed <-chan struct{}
}
