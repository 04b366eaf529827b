package redisdb

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// How the topology is kept: every Sentinel is asked twice a second and listened
// to; whichever tells of a new primary first is believed, if its configuration
// is the newest. One Sentinel's word is enough, because believing wrongly costs
// only a try: what a node may acknowledge is decided by the rule in ack.go.
const (
	pollEvery   = 500 * time.Millisecond
	pollTimeout = 300 * time.Millisecond
)

// view is what the Sentinels say.
type view struct {
	primary  string
	replicas []string // alive in the eyes of the Sentinels with the newest configuration
	nodes    []string // every Redis node that any Sentinel knows
}

// testimony is what one Sentinel says.
type testimony struct {
	primary  string
	epoch    int64 // of its configuration; the newest counts
	promoted bool  // it names a replica that it is just promoting
	flags    string
	replicas []string
	known    []string
}

// topology knows who is primary, and keeps a client for every node.
type topology struct {
	settings  Settings
	log       *slog.Logger
	sentinels []*redis.Client
	now       atomic.Pointer[view]
	onSwitch  func()

	mutex   sync.Mutex
	clients map[string]*redis.Client
	changed chan struct{} // closed and replaced whenever the primary changes
	dialled *lines

	standing questions // to nodes and Sentinels, see silence.go
}

func newTopology(s Settings, log *slog.Logger, onSwitch func()) *topology {
	t := &topology{settings: s, log: log, onSwitch: onSwitch, clients: map[string]*redis.Client{}, changed: make(chan struct{}), dialled: newLines(through)}
	t.standing.since = map[string]time.Time{}
	for _, address := range s.Sentinels {
		t.sentinels = append(t.sentinels, redis.NewClient(t.options(address, s.SentinelUser, s.SentinelPassword, 4)))
	}
	t.now.Store(&view{})
	return t
}

// options: MaxRetries is -1 everywhere, because repeating is decided here and
// not by the driver, which would send a script again without knowing what it does.
func (t *topology) options(address, user, password string, pool int) *redis.Options {
	return &redis.Options{
		Addr: address, Username: user, Password: password, MaxRetries: -1, Dialer: t.dialled.dial,
		DialTimeout: dialTimeout, DialerRetries: 1, ReadTimeout: exchangeTimeout, WriteTimeout: exchangeTimeout, PoolTimeout: exchangeTimeout,
		ContextTimeoutEnabled: true, PoolSize: pool, MaxActiveConns: pool + 8, PipelinePoolSize: -1,
		DisableIdentity: true, Protocol: 2,
	}
}

// client gives the client for a node; it is made once and kept, for nodes come
// back under their address.
func (t *topology) client(address string) *redis.Client {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if known, found := t.clients[address]; found {
		return known
	}
	made := redis.NewClient(t.options(address, t.settings.User, t.settings.Password, nodePool))
	t.clients[address] = made
	return made
}

// all lists the clients with their nodes' addresses, for the pools' metrics.
func (t *topology) all() map[string]*redis.Client {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return maps.Clone(t.clients)
}

// primary gives the client for the primary, nil while none is known.
func (t *topology) primary() *redis.Client {
	if address := t.now.Load().primary; address != "" {
		return t.client(address)
	}
	return nil
}

// nextPrimary gives a channel that is closed when the primary changes.
func (t *topology) nextPrimary() <-chan struct{} {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.changed
}

// watch polls and listens until ctx ends.
func (t *topology) watch(ctx context.Context) {
	var listeners sync.WaitGroup
	news := make(chan struct{}, 1)
	for _, sentinel := range t.sentinels {
		listeners.Go(func() { listen(ctx, sentinel, news) })
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		t.poll(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-news:
		}
	}
	listeners.Wait()
}

// listen tells news whenever the Sentinel announces a switch. The driver
// subscribes again by itself after a broken connection.
func listen(ctx context.Context, sentinel *redis.Client, news chan<- struct{}) {
	subscription := sentinel.Subscribe(ctx, "+switch-master", "+promoted-slave")
	defer func() { _ = subscription.Close() }()
	messages := subscription.Channel()
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-messages:
			if !open {
				return
			}
			select {
			case news <- struct{}{}:
			default:
			}
		}
	}
}

// poll asks every Sentinel and takes over what they say. While none answers,
// what was known stays: the last primary is the best guess.
func (t *topology) poll(ctx context.Context) {
	before := t.now.Load()
	next := merge(t.testimonies(ctx), before)
	t.now.Store(next)
	if next.primary == before.primary {
		return
	}
	t.log.Info("primary", "address", next.primary, "before", before.primary)
	if before.primary != "" {
		t.onSwitch()
		t.dialled.hangUp(before.primary)
	}
	t.mutex.Lock()
	close(t.changed)
	t.changed = make(chan struct{})
	t.mutex.Unlock()
}

// testimonies asks all Sentinels at once; those that do not answer are left out.
func (t *topology) testimonies(ctx context.Context) []testimony {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	answers := make(chan *testimony, len(t.sentinels))
	for _, sentinel := range t.sentinels {
		go func() {
			said, err := inquire(ctx, &t.standing, sentinel.Options().Addr, func(ctx context.Context) (*testimony, error) { return t.ask(ctx, sentinel) })
			if err != nil {
				said = nil
			}
			answers <- said
		}()
	}
	var list []testimony
	for range t.sentinels {
		if answer := <-answers; answer != nil {
			list = append(list, *answer)
		}
	}
	return list
}

var errNoMaster = errors.New("the Sentinel does not know the master")

// ask reads the record before the name: should the two be read at different
// moments of a failover, the name is then the later one, and a primary that was
// just replaced never looks like one that is just being promoted.
func (t *topology) ask(ctx context.Context, sentinel *redis.Client) (*testimony, error) {
	var address, master, replicas *redis.Cmd
	_, err := sentinel.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		master = pipe.Do(ctx, "SENTINEL", "MASTER", t.settings.MasterName)
		address = pipe.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", t.settings.MasterName)
		replicas = pipe.Do(ctx, "SENTINEL", "REPLICAS", t.settings.MasterName)
		return nil
	})
	if err != nil {
		return nil, err
	}
	pair, _ := address.StringSlice()
	if len(pair) != 2 {
		return nil, errNoMaster
	}
	about := pairs(master.Val())
	said := &testimony{primary: pair[0] + ":" + pair[1], flags: about["flags"]}
	said.epoch, _ = strconv.ParseInt(about["config-epoch"], 10, 64)
	old := about["ip"] + ":" + about["port"]
	said.promoted = said.primary != old
	said.known = append(said.known, old)
	list, _ := replicas.Slice()
	for _, one := range list {
		replica := pairs(one)
		node := replica["ip"] + ":" + replica["port"]
		said.known = append(said.known, node)
		if node != said.primary && !strings.Contains(replica["flags"], "s_down") {
			said.replicas = append(said.replicas, node)
		}
	}
	return said, nil
}

// pairs reads a flat list of names and values.
func pairs(value any) map[string]string {
	list, _ := value.([]any)
	m := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		m[name], _ = list[i+1].(string)
	}
	return m
}

// merge believes the newest configuration; a promotion under way is newer than
// any finished one of the same epoch.
func merge(said []testimony, before *view) *view {
	if len(said) == 0 {
		return before
	}
	newest := said[0]
	nodes := slices.Clone(before.nodes)
	for _, s := range said {
		nodes = append(nodes, s.known...)
		if s.epoch > newest.epoch || (s.epoch == newest.epoch && s.promoted && !newest.promoted) {
			newest = s
		}
	}
	slices.Sort(nodes)
	return &view{primary: newest.primary, replicas: alive(said, newest), nodes: slices.Compact(nodes)}
}

// alive lists the replicas that at least half of the Sentinels see which give the newest
// configuration. One Sentinel's word does not hide a replica: a Sentinel that stood still
// for 2 s repeats for 30 s what it saw before (tilt).
func alive(said []testimony, newest testimony) []string {
	seen, sentinels := map[string]int{}, 0
	for _, s := range said {
		if s.epoch != newest.epoch || s.primary != newest.primary {
			continue
		}
		sentinels++
		for _, node := range s.replicas {
			seen[node]++
		}
	}
	var list []string
	for _, node := range slices.Sorted(maps.Keys(seen)) {
		if 2*seen[node] >= sentinels {
			list = append(list, node)
		}
	}
	return list
}

func (t *topology) close() {
	for _, client := range t.all() {
		_ = client.Close()
	}
	for _, sentinel := range t.sentinels {
		_ = sentinel.Close()
	}
}
