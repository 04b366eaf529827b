// Package source takes backups off a running shop: it links the append-only files of a replica that is up to date, and
// says what they hold. It changes no setting of a node.
package source

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/redisnode"
)

// Node is one Redis node of the shop.
type Node struct {
	Name, Address string
	// Dir is its DATA_DIR, in which data/ has its files and backup/ gets the links.
	Dir string
}

// Source is the shop.
type Source struct {
	Nodes []Node
	Login redisnode.Login
	// Owner names the program that links, so that two of them do not remove each other's links.
	Owner string
	// Version is noted with what is taken.
	Version string
}

// Why a capture is not possible now, or a chain ends.
var (
	ErrNoReplica = errors.New("no replica is up to date")
	ErrRestoring = errors.New("a restore runs")
	ErrChanged   = errors.New("the node began other files")
)

// catchUp is how long a replica may take to get what the primary had when it was chosen.
const catchUp = 10 * time.Second

// askTimeout bounds one question to a node.
const askTimeout = 5 * time.Second

// status is what a node says of itself.
type status struct {
	node                           Node
	role, link, replID, masterHost string
	offset                         int64
	busy, writesAOF                bool
}

// ask reads a node's status.
func (s *Source) ask(ctx context.Context, node Node) (found status, err error) {
	err = s.with(ctx, node, func(ctx context.Context, conn *redisnode.Node) error {
		found, err = read(ctx, conn, node)
		return err
	})
	return found, err
}

// with connects to a node for some questions.
func (s *Source) with(ctx context.Context, node Node, do func(context.Context, *redisnode.Node) error) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := redisnode.Dial(ctx, node.Address, s.Login)
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(ctx, conn)
}

func read(ctx context.Context, conn *redisnode.Node, node Node) (status, error) {
	info, err := conn.Info(ctx)
	if err != nil {
		return status{}, err
	}
	found := status{
		node: node, role: info["role"], link: info["master_link_status"], replID: info["master_replid"],
		masterHost: info["master_host"] + ":" + info["master_port"],
		busy:       info["aof_rewrite_in_progress"] != "0" || info["rdb_bgsave_in_progress"] != "0",
		writesAOF:  info["aof_enabled"] == "1" && info["aof_last_write_status"] == "ok" && info["loading"] == "0",
	}
	found.offset, _ = strconv.ParseInt(info["master_repl_offset"], 10, 64)
	return found, nil
}

// state reads what a node has. Redis writes its append-only file before it answers, so the
// files have it, too.
func (s *Source) state(ctx context.Context, conn *redisnode.Node) (archive.State, error) {
	state := archive.State{Version: s.Version}
	schema, _, err := conn.Get(ctx, redisdb.KeySchema())
	if err != nil {
		return state, err
	}
	if _, err := strconv.Atoi(schema); err != nil && schema != "" {
		return state, fmt.Errorf("%w: evg:schema is %q", ErrRestoring, schema)
	}
	state.Schema = schema
	if state.History, _, err = conn.Get(ctx, redisdb.KeyHistory()); err != nil {
		return state, err
	}
	if state.HeartbeatMillis, err = conn.Number(ctx, redisdb.KeyHeartbeat()); err != nil {
		return state, err
	}
	state.Sequence, err = conn.Number(ctx, redisdb.KeyCommitSeq())
	return state, err
}

// choose finds the replica to take from. One that saves or rewrites its files is the second choice.
func (s *Source) choose(ctx context.Context) (replica, primary status, err error) {
	all, err := s.askAll(ctx)
	for _, candidate := range all {
		of, follows := s.primaryOf(candidate, all)
		if !follows {
			continue
		}
		better := !candidate.busy && replica.busy || candidate.busy == replica.busy && candidate.offset > replica.offset
		if replica.node.Name == "" || better {
			replica, primary = candidate, of
		}
	}
	if replica.node.Name == "" {
		return replica, primary, errors.Join(ErrNoReplica, err)
	}
	return replica, primary, nil
}

// askAll asks all nodes. Those that do not answer are in the error.
func (s *Source) askAll(ctx context.Context) (all []status, failed error) {
	for _, node := range s.Nodes {
		found, err := s.ask(ctx, node)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		all = append(all, found)
	}
	return all, failed
}

// primaryOf gives the primary that a replica follows, if its link is up and both have the same history of writes.
func (s *Source) primaryOf(replica status, all []status) (status, bool) {
	if replica.role != "slave" || replica.link != "up" || !replica.writesAOF {
		return status{}, false
	}
	for _, primary := range all {
		if primary.role == "master" && primary.node.Address == replica.masterHost && primary.replID == replica.replID {
			return primary, true
		}
	}
	return status{}, false
}

// caughtUp waits until a replica has what its primary has now.
func (s *Source) caughtUp(ctx context.Context, replica, primary status) error {
	var wanted int64
	err := s.with(ctx, primary.node, func(ctx context.Context, conn *redisnode.Node) (err error) {
		wanted, err = conn.Number(ctx, redisdb.KeyCommitSeq())
		return err
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for {
		var has int64
		err := s.with(ctx, replica.node, func(ctx context.Context, conn *redisnode.Node) (err error) {
			has, err = conn.Number(ctx, redisdb.KeyCommitSeq())
			return err
		})
		if err != nil || has >= wanted {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %s has commit %d, and its primary %d", ErrNoReplica, replica.node.Name, has, wanted)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// filesDir is where a node has its append-only files.
func (n Node) filesDir() string { return filepath.Join(n.Dir, "data", "appendonlydir") }

// linksDir is where an owner's links to them are.
func (n Node) linksDir(owner string) string { return filepath.Join(n.Dir, "backup", "link-"+owner) }
