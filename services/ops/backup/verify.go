package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"filippo.io/age"
	"golang.org/x/time/rate"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/failpoint"
	"evergreen/services/ops/backup/reconcile"
	"evergreen/services/ops/backup/scratch"
	"evergreen/services/ops/backup/target"
)

// job is a full backup that is to be verified.
type job struct {
	full archive.Full
	// sidecars are what was made; what the targets have is compared with them.
	sidecars []archive.Sidecar
	// newest is the id of the newest purchase that the shop had.
	newest string
	// key can read the full backup. It lives in this memory only, and is dropped when the backup was read.
	key *age.X25519Identity
	// note is what the verification found; nil before.
	note *archive.Verified
}

// verifier restores full backups into a scratch server and checks them, one at a time.
type verifier struct {
	service *Service
	jobs    chan *job
	changes chan struct{}
}

func newVerifier(s *Service) *verifier {
	return &verifier{service: s, jobs: make(chan *job, 1), changes: make(chan struct{}, 1)}
}

// take replaces the job that waits, if one does.
func (v *verifier) take(j *job) {
	select {
	case <-v.jobs:
	default:
	}
	v.jobs <- j
	v.look()
}

// look has the verifier look at the targets again.
func (v *verifier) look() {
	select {
	case v.changes <- struct{}{}:
	default:
	}
}

// run verifies until the context ends.
func (v *verifier) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-v.jobs:
			_ = v.verify(ctx, j) // It is logged and counted.
		}
	}
}

// verifyTries is how often a target is read again that could not be read.
const verifyTries = 5

// verify returns when the full backup is verified in all targets, or cannot be, or the next one waits. The error has
// the targets in which it is not verified.
func (v *verifier) verify(ctx context.Context, j *job) error {
	var failed error
	waiting, tries := slices.Clone(v.service.shippers), map[*shipper]int{}
	for len(waiting) > 0 {
		again := false
		waiting = slices.DeleteFunc(waiting, func(ship *shipper) bool {
			done, err := v.visit(ctx, j, ship)
			if err == nil || ctx.Err() != nil {
				return done
			}
			if tries[ship]++; !done && tries[ship] < verifyTries {
				again = true
				return false
			}
			failed = errors.Join(failed, fmt.Errorf("%s: %w", ship.address, err))
			if !done { // After a final verdict visit has done it.
				v.service.retain(ctx, ship, j.full.Chain)
			}
			return true
		})
		if len(waiting) == 0 || len(v.jobs) > 0 {
			break
		}
		if err := v.wait(ctx, again); err != nil {
			return err
		}
	}
	return failed
}

// wait returns when something changed, or a failed target is to be read again.
func (v *verifier) wait(ctx context.Context, again bool) error {
	var pause <-chan time.Time
	if again {
		pause = time.After(v.service.pause)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pause:
	case <-v.changes:
	}
	return nil
}

// visit verifies the full backup in a target if it is there. It reports whether there is nothing more to do with this
// target.
func (v *verifier) visit(ctx context.Context, j *job, ship *shipper) (done bool, err error) {
	switch {
	case ship.isLeftOut(j.full.Chain):
		return true, errors.New("it fell behind")
	case ship.isGivenUp(v.service.tries):
		return true, errors.New("it failed; the log has the causes")
	case !ship.hasFull(j.full.Chain):
		return false, nil
	}
	err = v.target(ctx, j, ship)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	v.service.room("verification", err)
	if err == nil || isFinal(err) {
		v.service.retain(ctx, ship, j.full.Chain)
	}
	if err != nil {
		v.service.metrics.verificationFailures.Inc()
		v.service.log.Error("a full backup was not verified", "chain", j.full.Chain, "target", ship.address, "error", err)
		return isFinal(err), err
	}
	v.service.metrics.verified(*j.note)
	v.service.log.Info("a full backup is verified", "chain", j.full.Chain, "target", ship.address,
		"sequence", j.note.Sequence, "duration_ms", j.note.DurationMillis)
	return true, nil
}

// isFinal tells errors that reading again does not mend.
func isFinal(err error) bool {
	return errors.Is(err, archive.ErrDamaged) || errors.Is(err, archive.ErrMissing) || errors.Is(err, archive.ErrMixed) ||
		errors.Is(err, reconcile.ErrWrong) || isNoRoom(err)
}

// target reads all files of the full backup back from a target. Those of the first target are restored, too; all others
// have the same bytes.
func (v *verifier) target(ctx context.Context, j *job, ship *shipper) error {
	began := time.Now()
	failpoint.Pass("verify-began")
	opened, err := ship.target()
	if err != nil {
		return err
	}
	store := slow{Store: opened, limiter: v.service.limiter}
	chain, err := v.compare(ctx, j, store)
	if err != nil {
		return err
	}
	for i, sidecar := range j.sidecars {
		if err := archive.Check(ctx, store, sidecar); err != nil {
			return err
		}
		if i == 0 {
			failpoint.Pass("verify-checking")
		}
	}
	failpoint.Pass("verify-checked")
	if j.note == nil {
		report, err := v.restore(ctx, j, store, chain)
		if err != nil {
			return err
		}
		j.key = nil
		j.note = &archive.Verified{Chain: chain.ID, Sequence: report.CommitSeq, Counts: report.Keys}
		j.note.VerifiedMillis, j.note.DurationMillis = time.Now().UnixMilli(), time.Since(began).Milliseconds()
	}
	if err := archive.PutVerified(ctx, opened, *j.note); err != nil {
		return err
	}
	failpoint.Pass("verify-noted")
	return nil
}

// compare compares the notes in a target with what was made.
func (v *verifier) compare(ctx context.Context, j *job, store target.Store) (archive.Chain, error) {
	chain, err := archive.Find(ctx, store, j.full.Chain)
	if err != nil {
		return chain, err
	}
	if chain.Damage != nil {
		return chain, chain.Damage
	}
	if chain.Full == nil || *chain.Full != j.full || chain.Segments < j.full.Segments {
		return chain, fmt.Errorf("%w: the target has another chain.json, or lacks sidecars", archive.ErrDamaged)
	}
	chain = chain.Until(j.full.Segments)
	sidecars, err := archive.Sidecars(ctx, store, chain)
	if err == nil && !slices.Equal(sidecars, j.sidecars) {
		err = fmt.Errorf("%w: the target has other sidecars", archive.ErrDamaged)
	}
	return chain, err
}

// restore loads the full backup into a scratch server and checks the data.
func (v *verifier) restore(ctx context.Context, j *job, store target.Store, chain archive.Chain) (report reconcile.Report, err error) {
	dir := v.service.scratchDir()
	if err := os.RemoveAll(dir); err != nil {
		return report, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	failpoint.Pass("verify-extracting")
	_, err = archive.Extract(ctx, store, chain, []age.Identity{j.key}, dir, archive.Paced(func(ctx context.Context, bytes int) error {
		return waitN(ctx, v.service.limiter, bytes)
	}))
	if err != nil {
		return report, err
	}
	failpoint.Pass("verify-extracted")
	server, err := scratch.Start(ctx, dir, scratch.Limits{MemoryBytes: v.service.settings.ScratchBytes})
	if err != nil {
		return report, err
	}
	defer server.Stop()
	failpoint.Pass("verify-loaded")
	report, err = reconcile.Check(ctx, server.Node(), reconcile.Expect{
		CommitSeq: j.full.Sequence, NewestPurchase: j.newest, History: j.full.History,
	})
	if err == nil {
		err = report.Err()
	}
	failpoint.Pass("verify-reconciled")
	return report, err
}

// slow is a target that is read no faster than a limiter allows.
type slow struct {
	target.Store
	limiter *rate.Limiter
}

// Get opens a file.
func (s slow) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	body, err := s.Store.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{&paced{ctx: ctx, from: body, limiter: s.limiter}, body}, nil
}

// waitN waits for more than a limiter lets through at once.
func waitN(ctx context.Context, limiter *rate.Limiter, bytes int) error {
	for bytes > 0 {
		n := min(bytes, limiter.Burst())
		if err := limiter.WaitN(ctx, n); err != nil {
			return err
		}
		bytes -= n
	}
	return nil
}
