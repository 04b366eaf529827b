package restore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"evergreen/services/internal/config"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/stack"
	"evergreen/services/ops/redisnode"
)

// Shop is the running shop that is restored.
type Shop struct {
	// Look asks all services what they are.
	Look func(context.Context) stack.Report
	// Login is the operator's, at the Redis nodes.
	Login redisnode.Login
}

// nodes are connections to the shop's Redis nodes.
type nodes struct {
	primary  *redisnode.Node
	replicas []*redisnode.Node
}

// redisUser is the name of the API's Redis user without its layout.
const redisUser = "api"

// connect finds the primary and its replicas.
func (s Shop) connect(ctx context.Context) (*nodes, error) {
	report := s.Look(ctx)
	n := &nodes{}
	for _, state := range report.Services {
		if !state.Up || state.Role == "" || state.Role == "replica" && state.Link != "up" {
			continue
		}
		node, err := redisnode.Dial(ctx, state.Addr, s.Login)
		if err != nil {
			n.close()
			return nil, err
		}
		if state.Role == "primary" && state.Name == report.Primary {
			n.primary = node
		} else {
			n.replicas = append(n.replicas, node)
		}
	}
	if n.primary == nil || len(n.replicas) == 0 {
		n.close()
		return nil, fmt.Errorf("%w: it lacks a primary that two Sentinels agree on, or a replica whose link is up", ErrShop)
	}
	return n, nil
}

func (n *nodes) all() []*redisnode.Node {
	if n.primary == nil {
		return n.replicas
	}
	return append([]*redisnode.Node{n.primary}, n.replicas...)
}

func (n *nodes) close() {
	for _, node := range n.all() {
		node.Close()
	}
}

// replicated is how long a replica may take to get a single write, and loadedWithin all that was loaded.
const (
	replicated   = 20 * time.Second
	loadedWithin = 10 * time.Minute
)

// hold closes the shop: the mark is at every replica before it returns. Nothing writes from then on but this program.
func (n *nodes) hold(ctx context.Context, l *lock) error {
	commands := []redisnode.Command{
		{"HSET", redisdb.KeyRestore(), "step", stepHolding, "layout", l.layout, "empty", l.empty, "aside", l.aside},
	}
	if setsMark() {
		commands = append(commands, redisnode.Command{"SET", redisdb.KeySchema(), mark})
	}
	if err := n.primary.Transaction(ctx, commands); err != nil {
		return err
	}
	l.step = stepHolding
	for _, node := range n.all() {
		if err := older(ctx, node, "off"); err != nil {
			return err
		}
	}
	return n.written(ctx, replicated)
}

// written returns when all replicas have what the primary has written.
func (n *nodes) written(ctx context.Context, within time.Duration) error {
	now := strconv.FormatInt(time.Now().UnixNano(), 10)
	return n.primary.Write(ctx, []redisnode.Command{{"HSET", redisdb.KeyRestore(), "written", now}}, len(n.replicas), within)
}

// older turns the users of programs of older layouts off or on: those programs do not know the mark.
func older(ctx context.Context, node *redisnode.Node, state string) error {
	reply, err := node.Do(ctx, "ACL", "USERS")
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, user := range redisnode.Texts(reply) {
		known[user] = true
	}
	for layout := redisdb.OldestLayout; layout < redisdb.Layout; layout++ {
		user := config.UserOf(redisUser, layout)
		if !known[user] {
			continue
		}
		if _, err := node.Do(ctx, "ACL", "SETUSER", user, state); err != nil {
			return err
		}
		if state == "off" {
			if _, err := node.Do(ctx, "CLIENT", "KILL", "USER", user); err != nil {
				return err
			}
		}
	}
	return nil
}

// open lets the shop go on with the data that it has: the layout comes last, in one transaction with the end of the restore.
func (n *nodes) open(ctx context.Context, l *lock, layout string) error {
	if number, err := strconv.Atoi(layout); err != nil || number < redisdb.OldestLayout {
		return fmt.Errorf("%w: its layout was %q", ErrShop, layout)
	}
	if err := n.written(ctx, loadedWithin); err != nil {
		return err
	}
	failpointPass("restore-loaded")
	l.sealed()
	opened := n.primary.Write(ctx, []redisnode.Command{
		{"SET", redisdb.KeySchema(), layout}, {"DEL", redisdb.KeyRestore()},
	}, len(n.replicas), replicated)
	if opened != nil && !errors.Is(opened, redisnode.ErrBehind) {
		return opened
	}
	failpointPass("restore-opened")
	for _, node := range n.all() {
		opened = errors.Join(opened, older(ctx, node, "on"))
	}
	if opened != nil {
		return fmt.Errorf("%w: %w", ErrOpened, opened)
	}
	return nil
}

// room holds that a data set of so many bytes fits into the memory of every node.
func (n *nodes) room(ctx context.Context, bytes int64) error {
	for _, node := range n.all() {
		info, err := node.Info(ctx, "memory")
		if err != nil {
			return err
		}
		most, _ := strconv.ParseInt(info["maxmemory"], 10, 64)
		if need := bytes + bytes/20; most > 0 && need > most {
			return fmt.Errorf("%w: the backup needs %d MiB of memory, and REDIS_MAXMEMORY of %s is %d MiB",
				ErrNoRoom, need>>20, node.Address(), most>>20)
		}
	}
	return nil
}

// dataBytes is the memory that a node's data take.
func dataBytes(ctx context.Context, node *redisnode.Node) (int64, error) {
	info, err := node.Info(ctx, "memory")
	if err != nil {
		return 0, err
	}
	used, err := strconv.ParseInt(info["used_memory"], 10, 64)
	start, _ := strconv.ParseInt(info["used_memory_startup"], 10, 64)
	return used - start, err
}

// primaryStill holds that the node is still the primary: what is written elsewhere is lost.
func (n *nodes) primaryStill(ctx context.Context) error {
	info, err := n.primary.Info(ctx, "replication")
	if err == nil && !strings.HasPrefix(info["role"], "master") {
		err = fmt.Errorf("%w: %s is not its primary any more", ErrShop, n.primary.Address())
	}
	return err
}
