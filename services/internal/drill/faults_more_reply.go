package drill

import (
	"context"
	"fmt"
	"strings"
	"time"

	"evergreen/services/internal/netfault"
	"evergreen/services/internal/stack"
)

// replyFor is how long replies are broken: a write has 10 s for everything, so
// all of it stays within a write's deadline.
const replyFor = 5 * time.Second

// replyFaults break the answers to the API's groups of writes after the scripts
// have run: the replicas of the API, built for the drill, dial Redis through
// proxies. Nobody but the primary knows then what happened.
func replyFaults() []Fault {
	// The slowest variants keep every reply away: writes are answered when that
	// ends, and one more exchange (1.5 s at most) has to fail first.
	promise := &Promise{WriteGap: replyFor + 3*time.Second, ReadGap: unseen, Slowest: deadline, Errors: fewErrors, ReadErrors: fewErrors}
	every, some := "every one", "one in 100 ms"
	return []Fault{
		behindProxies(Fault{
			Slug: "reply-lost", Title: "the replies to writes are lost after the scripts ran, for 5 s",
			Promise: promise, Products: many, Variants: []string{every, some},
		}, func(string) netfault.Fault { return netfault.Fault{Kind: netfault.LoseReply} }),
		behindProxies(Fault{
			Slug: "reply-partial", Title: "half of each reply to writes arrives, then a reset, for 5 s",
			Promise: promise, Products: many, Variants: []string{every, some},
		}, func(string) netfault.Fault { return netfault.Fault{Kind: netfault.HalveReply} }),
		behindProxies(Fault{
			Slug: "reply-slow", Title: "the replies to writes are late, for 5 s",
			Promise: promise, Products: many, Variants: []string{"300ms", "2s"},
		}, func(variant string) netfault.Fault {
			delay, _ := time.ParseDuration(variant)
			return netfault.Fault{Kind: netfault.DelayReply, Delay: delay}
		}),
	}
}

// proxies stand before the Redis nodes, for the API replicas only.
type proxies []*netfault.Proxy

// behindProxies makes a run's API replicas dial Redis through proxies, and breaks
// there what kind says. The proxies last as long as the run's context.
func behindProxies(f Fault, kind func(variant string) netfault.Fault) Fault {
	var line proxies
	f.Prepare = func(ctx context.Context, o *stack.Options) (err error) {
		line, err = listen(ctx, o)
		return err
	}
	f.Inject = func(ctx context.Context, s *Scene) error { return line.inject(ctx, s, kind(s.Variant)) }
	return f
}

// listen starts the proxies on NET.205 to NET.207, before NET.5 to NET.7, and has
// the API replicas use them. It needs to know the prefix, so it chooses it.
func listen(ctx context.Context, o *stack.Options) (line proxies, err error) {
	if o.Net == "" {
		if o.Net, err = stack.PrivateNet(); err != nil {
			return nil, err
		}
	}
	if o.APIBinary, err = WeakAPI(ctx); err != nil {
		return nil, err
	}
	var pairs []string
	for host := 5; host <= 7; host++ {
		p, err := netfault.Listen(fmt.Sprintf("%s.%d:6379", o.Net, 200+host), fmt.Sprintf("%s.%d:6379", o.Net, host))
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = p.Close() })
		line = append(line, p)
		pairs = append(pairs, p.Target()+"="+p.Addr())
	}
	set(o, "SHOP_DIAL_THROUGH", strings.Join(pairs, ","))
	return line, nil
}

// inject breaks the replies to groups of writes, which are the exchanges that have
// a WAIT in them: every one, or one in each 100 ms at each node.
func (line proxies) inject(ctx context.Context, s *Scene, f netfault.Fault) (err error) {
	f.Match = "WAIT"
	var struck int
	s.Fault("replies to writes: " + s.Variant)
	if s.Variant == "one in 100 ms" {
		struck, err = line.sometimes(ctx, s, f)
	} else {
		line.set(f)
		err = s.Hold(ctx, replyFor)
		struck = line.struck()
	}
	for _, p := range line {
		p.Heal()
	}
	s.Heal(fmt.Sprintf("%d replies were broken", struck))
	if err == nil && struck == 0 {
		err = fmt.Errorf("no reply was broken: the API does not dial through the proxies")
	}
	return err
}

func (line proxies) sometimes(ctx context.Context, s *Scene, f netfault.Fault) (struck int, err error) {
	f.Times = 1
	for end := time.Now().Add(replyFor); err == nil && time.Now().Before(end); {
		line.set(f)
		err = s.Hold(ctx, 100*time.Millisecond)
		struck += line.struck()
	}
	return struck, err
}

func (line proxies) set(f netfault.Fault) {
	for _, p := range line {
		p.Set(f)
	}
}

func (line proxies) struck() (n int) {
	for _, p := range line {
		n += p.Struck()
	}
	return n
}
