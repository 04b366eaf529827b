package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"filippo.io/age"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/backup/aof"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/reconcile"
	"evergreen/services/ops/backup/scratch"
	"evergreen/services/ops/backup/target"
)

// Wanted says which state is restored. The zero value is the last one that the targets have.
type Wanted struct {
	// Chain is the id of a backup; "" is the one that has the newest state, or the wanted one.
	Chain string
	// At is a moment; Sequence is a commit. One of them at most is set.
	At       time.Time
	Sequence int64
	// Force takes data that do not add up.
	Force bool

	// notOf is the history of an empty shop that was started to be restored. Its backups and those of other empty shops are
	// left out.
	notOf string
}

// Backups is where backups are, and what reads them.
type Backups struct {
	Stores     []target.Store
	Identities []age.Identity
	// Limits are those of the scratch server.
	Limits scratch.Limits
}

// prepared is a data set on a scratch server.
type prepared struct {
	server *scratch.Server
	dir    string
	// what describes it for people.
	what   string
	report reconcile.Report
}

func (p *prepared) close() {
	if p.server != nil {
		p.server.Stop()
	}
	_ = os.RemoveAll(p.dir)
}

// kept is a backup in one of the targets.
type kept struct {
	archive.Chain

	store target.Store
}

// fetch loads the wanted state into a scratch server whose files are in dir, and checks it there.
func (b Backups) fetch(ctx context.Context, dir string, wanted Wanted, say func(string, ...any)) (*prepared, error) {
	all, refused := b.list(ctx, say)
	fitting := wanted.fitting(all)
	if len(fitting) == 0 {
		refused = append(refused, fmt.Errorf("%w: the targets have %d backups, and none of them fits. While the running shop is empty, its own "+
			"backups have to be named: CHAIN=ID, as make backup-list shows it", ErrNoBackup, len(all)))
	}
	for _, chain := range fitting {
		say("reading the backup %s from %s", chain.ID, chain.store.Name())
		p, err := b.load(ctx, chain.store, chain.Chain, dir, wanted)
		if err == nil && wanted.passesOver(p) {
			p.close()
			err = errOfEmptyShop
		}
		if err == nil {
			return p, nil
		}
		refused = append(refused, fmt.Errorf("the backup %s of %s: %w", chain.ID, chain.store.Name(), err))
		if !errors.Is(err, aof.ErrOutside) && !errors.Is(err, errOfEmptyShop) {
			break
		}
	}
	return nil, errors.Join(refused...)
}

// list reads what all targets have. A target that cannot be read is told, and the others are used.
func (b Backups) list(ctx context.Context, say func(string, ...any)) (all []kept, refused []error) {
	for _, store := range b.Stores {
		chains, err := archive.List(ctx, store)
		if err != nil {
			say("%s cannot be read: %v", store.Name(), err)
			refused = append(refused, fmt.Errorf("%s: %w", store.Name(), err))
		}
		for _, chain := range chains {
			all = append(all, kept{Chain: chain, store: store})
		}
	}
	return all, refused
}

// newestState sorts by the last state that can be restored, the newest first.
func newestState(a, b kept) int {
	return cmp.Or(cmp.Compare(b.Last.HeartbeatMillis, a.Last.HeartbeatMillis), cmp.Compare(b.Last.Sequence, a.Last.Sequence),
		cmp.Compare(b.ID, a.ID))
}

// longest gives each backup once, from the target that has the most of it: the one with the newest state first. The backup
// that was begun last does not always have it: increments go on into the service's own one after make backup.
func longest(all []kept) (found []kept) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, newestState)
	seen := map[string]bool{}
	for _, chain := range all {
		if !seen[chain.ID] {
			seen[chain.ID] = true
			found = append(found, chain)
		}
	}
	return found
}

// mostTries is how many backups are tried for a state that can be in several of them.
const mostTries = 3

// fitting gives the backups that can have the wanted state, the likeliest first.
func (w Wanted) fitting(all []kept) []kept {
	var reach, short, late []kept
	for _, chain := range longest(all) {
		switch {
		case w.Chain != "" && chain.ID != w.Chain:
		case w.Chain == "" && (!chain.Complete() || w.notOf != "" && chain.Full.History == w.notOf):
		case w.begunAfter(chain.Chain):
			late = append(late, chain)
		case w.endsBefore(chain.Chain):
			short = append(short, chain)
		default:
			reach = append(reach, chain)
		}
	}
	if w.At.IsZero() && w.Sequence == 0 {
		if w.notOf != "" {
			return reach // the first that is not of an empty shop
		}
		return reach[:min(1, len(reach))]
	}
	// A later backup can reach back to before it was begun: its node's files do. One that ends too early says by how much.
	begun := func(a, b kept) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(late, begun)
	slices.SortFunc(reach, begun)
	slices.Reverse(reach)
	tries := append(reach[:min(mostTries-1, len(reach))], late...)
	if len(tries) == 0 {
		tries = short[:min(1, len(short))]
	}
	return tries[:min(mostTries, len(tries))]
}

func (w Wanted) begunAfter(chain archive.Chain) bool {
	begun, err := archive.ChainTime(chain.ID)
	return err == nil && !w.At.IsZero() && begun.After(w.At) || w.Sequence > 0 && chain.Full != nil && chain.Full.Sequence > w.Sequence
}

// endsBefore forgives a second: the shop gives a sign of life so often.
func (w Wanted) endsBefore(chain archive.Chain) bool {
	return !w.At.IsZero() && chain.Last.HeartbeatMillis+1000 < w.At.UnixMilli() || w.Sequence > 0 && chain.Last.Sequence < w.Sequence
}

var errOfEmptyShop = errors.New("it has no product and no purchase; to restore it in spite of that, name it: CHAIN=ID")

// passesOver says of loaded data that they are those of an empty shop, and that another backup is wanted. What was verified does
// not tell: all products may have come after the full backup.
func (w Wanted) passesOver(p *prepared) bool {
	return w.notOf != "" && w.Chain == "" && p.report.Keys[reconcile.Products] == 0 && p.report.Keys[reconcile.Purchases] == 0
}

// damage says what damage of a backup is borne: with a moment or a commit, and with Force, all of it that lies behind the full
// backup. The cut refuses a state that the damage has taken.
func (w Wanted) damage() (options []archive.Option) {
	if w.Force || !w.At.IsZero() || w.Sequence > 0 {
		options = append(options, archive.Usable())
	}
	return options
}

func (b Backups) load(ctx context.Context, store target.Store, chain archive.Chain, dir string, wanted Wanted) (_ *prepared, err error) {
	p := &prepared{dir: filepath.Join(dir, "scratch")}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if err := errors.Join(os.RemoveAll(p.dir), os.MkdirAll(p.dir, 0o700)); err != nil {
		return nil, err
	}
	contents, err := archive.Extract(ctx, store, chain, b.Identities, p.dir, wanted.damage()...)
	if err != nil {
		return nil, err
	}
	failpointPass("restore-extracted")
	expect, err := b.cut(ctx, p.dir, contents, wanted)
	if err != nil {
		return nil, err
	}
	failpointPass("restore-cut")
	if p.server, err = scratch.Start(ctx, p.dir, b.Limits); err != nil {
		return nil, err
	}
	if p.report, err = reconcile.Check(ctx, p.server.Node(), expect); err != nil {
		return nil, err
	}
	p.what = "the backup " + chain.ID
	if contents.Ended != nil {
		p.what += fmt.Sprintf(" (it cannot be read to its end: %v)", contents.Ended)
	}
	if wanted.Force {
		return p, p.usable()
	}
	return p, p.report.Err()
}

// usable holds that a shop can run on the data, whatever their faults are.
func (p *prepared) usable() error {
	if p.report.Layout < redisdb.OldestLayout || p.report.Layout > redisdb.Layout {
		return p.report.Err()
	}
	return nil
}

// addsUp says for people whether the data add up.
func (p *prepared) addsUp() string {
	if err := p.report.Err(); err != nil {
		return err.Error()
	}
	return "it adds up"
}

// cut cuts the files, and says what they have to have then.
func (b Backups) cut(ctx context.Context, dir string, contents archive.Contents, wanted Wanted) (reconcile.Expect, error) {
	files, err := aof.Open(dir)
	if err != nil {
		return reconcile.Expect{}, err
	}
	switch {
	case !wanted.At.IsZero():
		return reconcile.Expect{}, files.CutAtMoment(wanted.At)
	case wanted.Sequence > 0:
		base, err := b.baseSequence(ctx, dir, files)
		if err != nil {
			return reconcile.Expect{}, err
		}
		return reconcile.Expect{CommitSeq: wanted.Sequence}, files.CutAtCommit(wanted.Sequence, base)
	}
	_, err = files.Trim()
	return reconcile.Expect{CommitSeq: contents.Last.Sequence, History: contents.Last.History}, err
}

// baseSequence loads the base alone, to learn the commit sequence that the increments begin with.
func (b Backups) baseSequence(ctx context.Context, dir string, files *aof.Files) (int64, error) {
	dir = filepath.Join(dir, "base")
	defer func() { _ = os.RemoveAll(dir) }()
	there, err := files.BaseOnly(dir)
	if err != nil || !there {
		return 0, err
	}
	server, err := scratch.Start(ctx, dir, b.Limits)
	if err != nil {
		return 0, err
	}
	defer server.Stop()
	return server.Node().Number(ctx, redisdb.KeyCommitSeq())
}

// fetchAside loads what was kept aside into a scratch server, and checks it there.
func fetchAside(ctx context.Context, keptIn, dir string, a Aside, limits scratch.Limits) (_ *prepared, err error) {
	p := &prepared{dir: filepath.Join(dir, "scratch")}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if err := errors.Join(os.RemoveAll(p.dir), os.MkdirAll(p.dir, 0o700)); err != nil {
		return nil, err
	}
	if p.server, err = scratch.Empty(ctx, p.dir, limits); err != nil {
		return nil, err
	}
	if err := loadAside(ctx, keptIn, a, p.server.Node()); err != nil {
		return nil, err
	}
	if _, err := p.server.Node().Do(ctx, "SET", redisdb.KeySchema(), a.Layout); err != nil {
		return nil, err
	}
	p.what = "the data of before the restore at " + a.Made.UTC().Format(time.RFC3339)
	p.report, err = reconcile.Check(ctx, p.server.Node(), reconcile.Expect{CommitSeq: a.CommitSeq, History: a.History})
	p.report.HeartbeatMillis = a.Made.UnixMilli()
	return p, errors.Join(err, p.usable())
}

// renew gives the prepared data a new history and new versions.
func (p *prepared) renew(ctx context.Context, history string, restoresOfShop int64, endSessions bool) error {
	node := p.server.Node()
	restores, err := node.Number(ctx, redisdb.KeyRestores())
	if err != nil {
		return err
	}
	restores = max(restores, restoresOfShop) + 1
	if err := raise(ctx, node, restores); err != nil {
		return err
	}
	if endSessions {
		if err := dropSessions(ctx, p); err != nil {
			return err
		}
	}
	for key, value := range map[string]any{redisdb.KeyRestores(): restores, redisdb.KeyHistory(): history} {
		if _, err := node.Do(ctx, "SET", key, value); err != nil {
			return err
		}
	}
	return nil
}

// dropSessions ends all sessions.
func dropSessions(ctx context.Context, p *prepared) error {
	node := p.server.Node()
	for _, pattern := range []string{redisdb.KeySession("*"), redisdb.KeyUserSessions("*")} {
		err := node.Scan(ctx, pattern, raiseBatch, func(keys []string) error {
			commands := make([]any, 0, len(keys)+1)
			commands = append(commands, "UNLINK")
			for _, key := range keys {
				commands = append(commands, key)
			}
			_, err := node.Do(ctx, commands...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
