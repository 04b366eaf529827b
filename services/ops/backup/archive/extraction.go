package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// segment adds one segment to the files.
func (e *extraction) segment(ctx context.Context, sidecar Sidecar) error {
	return readSealed(ctx, e.store, sidecar, func(sealed io.Reader) error {
		hash, err := open(sealed, e.identities, func(header Header) (io.Writer, error) {
			file, err := e.accept(sidecar, header)
			return &steady{ctx: ctx, file: file, wait: e.wait}, err
		})
		e.previous = hash
		return err
	})
}

// accept checks that a segment is the next one, and gives the file that it continues.
func (e *extraction) accept(sidecar Sidecar, header Header) (*os.File, error) {
	if err := e.check(sidecar, header); err != nil {
		return nil, err
	}
	if e.contents.Segments == 0 {
		e.contents.First = header.State
	}
	e.contents.Last = header.State
	e.contents.Segments++
	if header.File != e.current {
		if err := e.begin(header.File); err != nil {
			return nil, err
		}
	}
	e.lengths[header.File] += header.Length
	return e.file, nil
}

func (e *extraction) check(sidecar Sidecar, header Header) error {
	length, begun := e.lengths[header.File]
	switch {
	case header.Format != Format:
		return formatError(segmentName(sidecar.Chain, sidecar.Index), header.Format)
	case header.Chain != sidecar.Chain:
		return fmt.Errorf("%w: it is of the backup %s", ErrMixed, header.Chain)
	case header.Index != sidecar.Index:
		return fmt.Errorf("%w: it is segment %d", ErrMixed, header.Index)
	case header.Previous != e.previous:
		return fmt.Errorf("%w: it does not follow the segment before it", ErrMixed)
	case e.contents.Segments > 0 && header.History != e.contents.First.History:
		return fmt.Errorf("%w: it is of another history of the shop", ErrMixed)
	case header.Length != sidecar.DataBytes || header.Sequence != sidecar.Sequence || header.HeartbeatMillis != sidecar.HeartbeatMillis:
		return fmt.Errorf("%w: its header and its sidecar differ", ErrMixed)
	case !aofFile.MatchString(header.File):
		return fmt.Errorf("%w: it names the file %q", ErrDamaged, header.File)
	case header.Offset != length || begun && header.File != e.current:
		return fmt.Errorf("%w: it continues %s at %d, and %d bytes are there", ErrDamaged, header.File, header.Offset, length)
	case header.Index == 0 && (header.FullSegments < 1 || header.FullSegments > maxSegments):
		return fmt.Errorf("%w: it counts %d segments", ErrDamaged, header.FullSegments)
	}
	e.full = header.FullSegments
	return nil
}

// begin opens the next file.
func (e *extraction) begin(name string) (err error) {
	if err := e.close(); err != nil {
		return err
	}
	e.current = name
	e.file, err = os.OpenFile(filepath.Join(e.contents.Dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	return err
}

// close ends the file that grows.
func (e *extraction) close() error {
	if e.file == nil {
		return nil
	}
	file := e.file
	e.file = nil
	return errors.Join(file.Sync(), file.Close())
}

// finish checks that the files are those that the manifest names.
func (e *extraction) finish() error {
	if e.contents.Segments < e.full {
		return fmt.Errorf(
			"%s in %s: %w: %d of %d segments are there",
			e.contents.Chain,
			e.store.Name(),
			ErrIncomplete,
			e.contents.Segments,
			e.full,
		)
	}
	text, err := os.ReadFile(filepath.Join(e.contents.Dir, ManifestName))
	if err != nil {
		return fmt.Errorf("%s: %w: it has no manifest", e.contents.Chain, ErrDamaged)
	}
	if e.contents.Manifest, err = ParseManifest(string(text)); err != nil {
		return fmt.Errorf("%s: %w: %w", e.contents.Chain, ErrDamaged, err)
	}
	files := e.contents.Manifest.Files()
	if len(files) != len(e.lengths)-1 {
		return fmt.Errorf("%s: %w: it has %d files, and its manifest names %d", e.contents.Chain, ErrDamaged, len(e.lengths)-1, len(files))
	}
	for _, file := range files {
		if _, has := e.lengths[file]; !has {
			return fmt.Errorf("%s: %w: it lacks the file %s", e.contents.Chain, ErrDamaged, file)
		}
	}
	return nil
}

// mark is what an extraction had before a segment.
type mark struct {
	contents Contents
	current  string
	previous string
	full     int
	length   int64
}

func (e *extraction) mark() mark {
	return mark{contents: *e.contents, current: e.current, previous: e.previous, full: e.full, length: e.lengths[e.current]}
}

// rollBack takes what a segment left out of the files again.
func (e *extraction) rollBack(before mark) error {
	if e.current != before.current {
		delete(e.lengths, e.current)
		if err := errors.Join(e.close(), os.Remove(filepath.Join(e.contents.Dir, e.current))); err != nil {
			return err
		}
	}
	*e.contents, e.current, e.previous, e.full = before.contents, before.current, before.previous, before.full
	e.lengths[e.current] = before.length
	return errors.Join(e.close(), os.Truncate(filepath.Join(e.contents.Dir, e.current), before.length))
}

// steady writes a file in steps that it brings to the disk one by one: one large sync at the end would hold up those of
// Redis.
type steady struct {
	ctx      context.Context
	file     *os.File
	wait     func(ctx context.Context, bytes int) error
	unsynced int
}

// stepBytes is what is written between two syncs.
const stepBytes = 4 << 20

func (s *steady) Write(text []byte) (int, error) {
	if s.wait != nil {
		if err := s.wait(s.ctx, len(text)); err != nil {
			return 0, err
		}
	}
	n, err := s.file.Write(text)
	if s.unsynced += n; err == nil && s.unsynced >= stepBytes {
		s.unsynced = 0
		err = s.file.Sync()
	}
	return n, err
}
