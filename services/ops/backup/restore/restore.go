package restore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/backup/failpoint"
	"evergreen/services/ops/redisnode"
)

// Restorer restores one shop.
type Restorer struct {
	Shop    Shop
	Backups Backups
	// Dir is the program's own directory: for scratch files, and for what is kept aside.
	Dir string
	// Say hears of each step.
	Say func(format string, a ...any)
	// Ask shows people what will happen, and gives an error unless they agree.
	Ask func(plan string) error
	// EndSessions has all users log in again.
	EndSessions bool
}

func failpointPass(point string) { failpoint.Pass(point) }

// Result says what a restore has done.
type Result struct {
	// History is the id of the new history.
	History string
	// Lost is what the shop had and the restored data have not; it is listed in LostFile.
	Lost     Lost
	LostFile string
	// Closed is how long the shop was closed.
	Closed time.Duration
	// CommitSeq and NewestPurchase are those of the restored data.
	CommitSeq      int64
	NewestPurchase string
}

// Restore puts a backup in the place of the shop's data.
func (r Restorer) Restore(ctx context.Context, wanted Wanted) (Result, error) {
	return r.run(ctx, func(ctx context.Context, dir string, l *lock) (*prepared, error) {
		var err error
		if wanted.notOf, err = historyOfEmpty(ctx, l); err != nil {
			return nil, err
		}
		return r.Backups.fetch(ctx, dir, wanted, r.Say)
	})
}

// historyOfEmpty is the history of a shop that has nothing to sell and has sold nothing, "" for any other shop. On a new host
// such a shop is started first, and its service may make backups of it: those are not wanted.
func historyOfEmpty(ctx context.Context, l *lock) (string, error) {
	if l.step != "" {
		return l.empty, nil
	}
	for _, list := range []string{redisdb.KeyProducts(), redisdb.KeyAllPurchases()} {
		if size, err := l.node.Text(ctx, "ZCARD", list); err != nil || size != "0" {
			return "", err
		}
	}
	var err error
	l.empty, _, err = l.node.Get(ctx, redisdb.KeyHistory())
	return l.empty, err
}

// Undo brings back what the last restore has kept aside. Of a restore that was killed before it changed anything it only
// opens the shop.
func (r Restorer) Undo(ctx context.Context) (Result, error) {
	return r.run(ctx, func(ctx context.Context, dir string, l *lock) (*prepared, error) {
		if l.step == stepHolding {
			return nil, errOpenOnly
		}
		all, err := asides(r.Dir)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("%w: %s has no data of before a restore", ErrNoBackup, r.Dir)
		}
		a := all[len(all)-1]
		if l.step == stepLoading && l.aside != a.Name {
			return nil, fmt.Errorf("%w: the data are in %s of the host that began the restore, and the newest in %s are %s",
				ErrNoBackup, l.aside, r.Dir, a.Name)
		}
		r.Say("reading the data of before the restore at %s", a.Made.UTC().Format(time.RFC3339))
		return fetchAside(ctx, r.Dir, dir, a, r.Backups.Limits)
	})
}

// errOpenOnly says that the shop is closed, and its data are as they were.
var errOpenOnly = errors.New("only open the shop")

// fetching loads what is to be restored into a scratch server.
type fetching func(ctx context.Context, dir string, l *lock) (*prepared, error)

// run is a restore.
func (r Restorer) run(ctx context.Context, fetch fetching) (result Result, err error) {
	scratchDir, remove, err := workDir(r.Dir)
	if err != nil {
		return result, err
	}
	defer remove()
	n, err := r.Shop.connect(ctx)
	if err != nil {
		return result, err
	}
	defer n.close()
	l, ctx, err := take(ctx, n.primary)
	if err != nil {
		return result, err
	}
	defer func() {
		if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
			err = errors.Join(err, cause)
		}
		l.free(ctx)
	}()
	n.primary = n.primary.Fenced(redisdb.KeyRestore(), "id", l.id)
	if l.step != "" {
		r.Say("an earlier restore has left the shop closed (step %s)", l.step)
	}
	p, err := fetch(ctx, scratchDir, l)
	if errors.Is(err, errOpenOnly) {
		return r.openOnly(ctx, n, l)
	}
	if err != nil {
		return result, err
	}
	defer p.close()
	return r.replace(ctx, n, l, p)
}

func (r Restorer) openOnly(ctx context.Context, n *nodes, l *lock) (Result, error) {
	if err := r.Ask("The shop is closed, and its data are as they were before the restore. It will be opened.\n"); err != nil {
		return Result{}, err
	}
	if err := r.openAsItWas(ctx, n, l); err != nil {
		return Result{}, err
	}
	r.Say("the shop is open again, with the data that it had")
	history, _, err := n.primary.Get(ctx, redisdb.KeyHistory())
	return Result{History: history}, err
}

// replace asks, and puts the prepared data in the place of the shop's.
func (r Restorer) replace(ctx context.Context, n *nodes, l *lock, p *prepared) (result Result, err error) {
	history := redisdb.NewHistory()
	if err := r.prepare(ctx, n, l, p, history); err != nil {
		return result, err
	}
	aside := Aside{Name: l.aside, Made: time.Now(), Instead: p.what, Layout: l.layout}
	if l.step != stepLoading {
		aside.Name = asidePrefix + aside.Made.UTC().Format("20060102T150405.000Z")
	}
	result = Result{History: history, CommitSeq: p.report.CommitSeq, NewestPurchase: p.report.NewestPurchase,
		LostFile: filepath.Join(r.Dir, aside.Name, asideLost)}
	if err := r.ask(ctx, n, l, p, result.LostFile); err != nil {
		return result, err
	}
	began := time.Now()
	if l.step != stepLoading {
		if result.Lost, err = r.close(ctx, n, l, p, aside); err != nil {
			return result, err
		}
	}
	if err := r.load(ctx, n, l, p); errors.Is(err, ErrOpened) {
		return result, fmt.Errorf("the data are restored, and the history is %s: %w", history, err)
	} else if errors.Is(err, redisnode.ErrFenced) || errors.Is(context.Cause(ctx), ErrRunning) {
		return result, fmt.Errorf("another restore has taken the place of this one: %w", err)
	} else if err != nil {
		return result, fmt.Errorf("%w\nThe shop is closed. Run the restore again, or undo it", err)
	}
	result.Closed = time.Since(began)
	r.Say("the shop is open after %.1f s; its history is %s", result.Closed.Seconds(), history)
	return result, nil
}

// prepare gives the data their new versions, and holds that they fit into the shop.
func (r Restorer) prepare(ctx context.Context, n *nodes, l *lock, p *prepared, history string) error {
	bytes, err := dataBytes(ctx, p.server.Node())
	if err != nil {
		return err
	}
	if err := n.room(ctx, bytes); err != nil {
		return err
	}
	restores, err := n.primary.Number(ctx, redisdb.KeyRestores())
	if err != nil {
		return err
	}
	l.restores = max(l.restores, restores) // the shop's own count is gone after its data were deleted
	r.Say("%s: %d products, %d purchases, commit %d; %s", p.what, p.report.Products, p.report.Purchases, p.report.CommitSeq, p.addsUp())
	if err := p.renew(ctx, history, l.restores, r.EndSessions); err != nil {
		return err
	}
	failpointPass("restore-prepared")
	return nil
}

// close holds the shop, keeps its data aside and lists what will be lost. If it cannot do that, it opens the shop again.
func (r Restorer) close(ctx context.Context, n *nodes, l *lock, p *prepared, a Aside) (lost Lost, err error) {
	r.Say("the shop is closed: its API answers 503 restoring")
	defer func() {
		if err != nil && !errors.Is(context.Cause(ctx), ErrRunning) {
			err = errors.Join(err, r.reopen(ctx, n, l))
		}
	}()
	l.aside = a.Name
	if err := n.hold(ctx, l); err != nil {
		return lost, err
	}
	failpointPass("restore-held")
	if a.CommitSeq, err = n.primary.Number(ctx, redisdb.KeyCommitSeq()); err != nil {
		return lost, err
	}
	if a.History, _, err = n.primary.Get(ctx, redisdb.KeyHistory()); err != nil {
		return lost, err
	}
	if _, err = keepAside(ctx, n.primary, r.Dir, a); err != nil {
		return lost, err
	}
	failpointPass("restore-aside")
	lost, err = listLost(ctx, n.primary, p.server.Node(), filepath.Join(r.Dir, a.Name, asideLost))
	if err == nil {
		err = syncDirs(filepath.Join(r.Dir, a.Name), r.Dir)
	}
	if err == nil {
		r.Say(
			"the present data are kept in %s; %d purchases are lost, and %d lose changes",
			filepath.Join(r.Dir, a.Name),
			lost.Purchases,
			lost.Changes,
		)
	}
	return lost, err
}

// reopen opens a shop in which nothing was restored, even if the restore was ended.
func (r Restorer) reopen(ctx context.Context, n *nodes, l *lock) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replicated)
	defer cancel()
	err := r.openAsItWas(ctx, n, l)
	if err == nil || errors.Is(err, ErrOpened) {
		r.Say("nothing was restored, and the shop is open again")
		return err
	}
	return fmt.Errorf("nothing was restored, and the shop is closed: run the restore again, or undo it: %w", err)
}

// openAsItWas opens a shop whose data are as they were. What was kept of them is not for undo: the shop goes on from it.
func (r Restorer) openAsItWas(ctx context.Context, n *nodes, l *lock) error {
	err := n.open(ctx, l, l.layout)
	if (err == nil || errors.Is(err, ErrOpened)) && strings.HasPrefix(l.aside, asidePrefix) {
		err = errors.Join(err, os.RemoveAll(filepath.Join(r.Dir, filepath.Base(l.aside))))
	}
	return err
}

// load deletes the shop's data, and copies the prepared ones into the primary.
func (r Restorer) load(ctx context.Context, n *nodes, l *lock, p *prepared) error {
	if err := n.primaryStill(ctx); err != nil {
		return err
	}
	if err := n.primary.Transaction(ctx, []redisnode.Command{l.sign()}); err != nil { // the users are not those of another restore
		return err
	}
	for _, node := range n.all() { // a node may have been started anew since the shop was closed
		if err := older(ctx, node, "off"); err != nil {
			return err
		}
	}
	err := n.primary.Transaction(ctx, []redisnode.Command{
		{"FLUSHALL", "ASYNC"}, {"SET", redisdb.KeySchema(), mark}, l.fields(time.Now().UnixMilli()),
	})
	if err != nil {
		return err
	}
	l.step = stepLoading
	if err := n.written(ctx, loadedWithin); err != nil {
		return err
	}
	failpointPass("restore-flushed")
	if err := freed(ctx, n.primary); err != nil {
		return err
	}
	if err := r.copy(ctx, n, p); err != nil {
		return err
	}
	layout, _, err := p.server.Node().Get(ctx, redisdb.KeySchema())
	if err != nil {
		return err
	}
	return n.open(ctx, l, layout)
}

// freed waits until the memory of the deleted data is free.
func freed(ctx context.Context, node *redisnode.Node) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := node.Info(ctx, "memory")
		if err != nil || info["lazyfree_pending_objects"] == "0" {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// paceBytes is how much is sent until the replicas have to have it: a replica that is far behind would begin anew.
const paceBytes = 8 << 20

// sayEvery is how often the progress is told.
const sayEvery = 5 * time.Second

func (r Restorer) copy(ctx context.Context, n *nodes, p *prepared) error {
	sent, told := int64(0), time.Now()
	done, err := p.server.Node().Copy(ctx, n.primary, "*", notLoaded, func(done redisnode.Copied) error {
		failpointPass("restore-loading")
		if time.Since(told) > sayEvery {
			told = time.Now()
			r.Say("%d keys, %d MiB", done.Keys, done.Bytes>>20)
		}
		if done.Bytes-sent < paceBytes {
			return nil
		}
		sent = done.Bytes
		return n.written(ctx, loadedWithin)
	})
	if err != nil {
		return err
	}
	// As plain commands, so that a later cut of the append-only file finds them.
	for _, key := range []string{redisdb.KeyHistory(), redisdb.KeyCommitSeq()} {
		value, _, err := p.server.Node().Get(ctx, key)
		if err != nil {
			return err
		}
		if err := n.primary.Transaction(ctx, []redisnode.Command{{"SET", key, value}}); err != nil {
			return err
		}
	}
	r.Say("%d keys, %d MiB are loaded", done.Keys, done.Bytes>>20)
	return nil
}

// notLoaded names the keys that are not copied: those of the shop itself, and those that are set last.
func notLoaded(key string) bool {
	return ofThisShopOnly(key) || key == redisdb.KeyHistory() || key == redisdb.KeyCommitSeq()
}
