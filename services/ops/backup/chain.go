package backup

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"filippo.io/age"

	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/failpoint"
	"evergreen/services/ops/backup/source"
)

// chain is one full backup and what is shipped after it.
type chain struct {
	id      string
	service *Service
	capture *source.Capture
	sealer  *archive.Sealer
	job     *job
	began   time.Time
	taken   int64 // bytes of the last file
}

// part is a piece of the files that becomes a segment.
type part struct {
	archive.Piece
	text string // of the manifest; all others are read from the files
}

// begin captures the shop's files and puts the full backup into the spool.
func (s *Service) begin(ctx context.Context, cause string) (*chain, error) {
	began := time.Now()
	capture, err := s.source.Capture(ctx)
	if err != nil {
		return nil, err
	}
	failpoint.Pass("backup-captured")
	c, err := s.newChain(capture, began)
	if err == nil {
		err = c.makeFull(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, capture.Close())
	}
	failpoint.Pass("backup-all-sealed")
	s.metrics.chains.WithLabelValues(cause).Inc()
	s.log.Info("a full backup is made", "chain", c.id, "cause", cause, "node", capture.Node.Name,
		"sequence", capture.State.Sequence, "bytes", c.job.full.Bytes, "data_bytes", c.job.full.DataBytes)
	return c, nil
}

func (s *Service) newChain(capture *source.Capture, began time.Time) (*chain, error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	c := &chain{id: archive.NewChain(began), service: s, capture: capture, began: began}
	c.job = &job{key: key, newest: capture.NewestPurchase, full: archive.Full{
		Format: archive.Format, Chain: c.id, StartedMillis: began.UnixMilli(), State: capture.State,
	}}
	return c, nil
}

// makeFull seals all parts. They are encrypted to the verifier's key, too.
func (c *chain) makeFull(ctx context.Context) error {
	parts := c.parts()
	recipients := append([]age.Recipient{c.job.key.Recipient()}, c.service.settings.Recipients...)
	c.sealer = archive.NewSealer(c.id, len(parts), recipients)
	c.job.full.Segments = len(parts)
	for i, part := range parts {
		e, err := c.seal(ctx, part, c.capture.State)
		if err != nil {
			return err
		}
		failpoint.Pass("backup-sealed")
		c.job.sidecars = append(c.job.sidecars, e.Sidecar)
		c.job.full.Bytes += e.Bytes
		c.job.full.DataBytes += e.DataBytes
		if i == len(parts)-1 {
			c.job.full.EndedMillis = time.Now().UnixMilli()
			full := c.job.full
			e.full = &full
		}
		c.service.distribute(e)
	}
	c.taken = c.capture.Files[len(c.capture.Files)-1].Bytes
	c.sealer.Encrypt(c.service.settings.Recipients)
	c.service.room("capture", nil)
	return nil
}

// parts lists the parts of a full backup: the manifest, then the files.
func (c *chain) parts() []part {
	text := c.capture.Manifest.Text()
	parts := []part{{Piece: archive.Piece{File: archive.ManifestName, Length: int64(len(text))}, text: text}}
	for _, file := range c.capture.Files {
		parts = append(parts, split32(file.Name, 0, file.Bytes)...)
	}
	return parts
}

// split32 splits what a file has from one offset to another; a file without bytes is one part.
func split32(file string, from, to int64) []part {
	var parts []part
	for first := true; first || from < to; first = false {
		length := min(to-from, archive.MaxDataBytes)
		parts = append(parts, part{Piece: archive.Piece{File: file, Offset: from, Length: length}})
		from += length
	}
	return parts
}

// seal makes a segment when there is room in the spool.
func (c *chain) seal(ctx context.Context, p part, state archive.State) (*entry, error) {
	if err := c.service.spool.wait(ctx, c.service.leaveOutSlow); err != nil {
		return nil, err
	}
	return c.service.spool.make(func(file *os.File) (archive.Sidecar, error) {
		data, err := c.data(p)
		if err != nil {
			return archive.Sidecar{}, err
		}
		defer data.Close()
		sidecar, err := c.sealer.Seal(file, p.Piece, state, &paced{ctx: ctx, from: data, limiter: c.service.limiter})
		if err == nil {
			err = file.Sync()
		}
		return sidecar, err
	})
}

// data opens what a part has.
func (c *chain) data(p part) (io.ReadCloser, error) {
	if p.text != "" {
		return io.NopCloser(io.LimitReader(newText(p.text), p.Length)), nil
	}
	file, err := c.capture.Open(p.File)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(p.Offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// distribute gives a segment to all targets.
func (s *Service) distribute(e *entry) {
	e.hold() // Until all targets have it in their queue.
	defer e.release()
	leftOut := 0
	for _, ship := range s.shippers {
		if !ship.add(e) {
			leftOut++
		}
	}
	s.metrics.leftOut.Set(float64(leftOut))
}

// leaveOutSlow is called when the spool is full. Targets that have not taken what another one has are left out until the
// next full backup, so that the others go on. It fails when all targets were given up.
func (s *Service) leaveOutSlow() error {
	least, givenUp := -1, 0
	for _, ship := range s.shippers {
		if waiting := ship.waiting(); least < 0 || waiting < least {
			least = waiting
		}
		if ship.isGivenUp(s.tries) {
			givenUp++
		}
	}
	if givenUp == len(s.shippers) {
		return errors.New("all targets failed")
	}
	if least > 0 {
		return nil // All targets are behind; there is no other to go on with.
	}
	for _, ship := range s.shippers {
		if ship.waiting() > 0 {
			s.log.Error("a target fell behind; it is left out until the next full backup", "target", ship.address)
			ship.leaveOut()
		}
	}
	return nil
}

// close removes the links.
func (c *chain) close() {
	if err := c.capture.Close(); err != nil {
		c.service.log.Error("links could not be removed", "error", err)
	}
	failpoint.Pass("backup-ended")
}
