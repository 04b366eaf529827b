package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"evergreen/services/ops/backup/target"
)

// Contents is what Extract found.
type Contents struct {
	Chain string
	// Dir is the append-only directory that was made.
	Dir      string
	Manifest Manifest
	// First is the state noted with the first segment of the full backup, Last that of the last segment.
	First, Last State
	// Segments and DataBytes is what was read.
	Segments  int
	DataBytes int64
	// Ended is why the segments after Last were not used; nil if all were. Only Usable has Extract end early.
	Ended error
}

// Option changes how Extract works.
type Option func(*extraction)

// Paced has Extract call wait before it writes bytes of the files, so that the disk is left to others.
func Paced(wait func(ctx context.Context, bytes int) error) Option {
	return func(e *extraction) { e.wait = wait }
}

// Usable has Extract end before the first increment that is missing or damaged, and say so in Contents.Ended. The full backup
// must be whole.
func Usable() Option { return func(e *extraction) { e.usable = true } }

// Extract makes dir/appendonlydir from a chain. It refuses what is damaged, incomplete, mixed or
// encrypted to another key, and then leaves nothing in dir. It overwrites nothing.
func Extract(ctx context.Context, store target.Store, chain Chain, identities []age.Identity, dir string,
	options ...Option) (Contents, error) {
	contents := Contents{Chain: chain.ID, Dir: filepath.Join(dir, "appendonlydir")}
	e := &extraction{store: store, identities: identities, contents: &contents, lengths: map[string]int64{}}
	for _, option := range options {
		option(e)
	}
	sidecars, err := e.restorable(ctx, chain)
	if err != nil {
		return contents, err
	}
	for _, sidecar := range sidecars {
		contents.DataBytes += sidecar.DataBytes
	}
	if err := room(dir, contents.DataBytes); err != nil {
		return contents, err
	}
	if err := os.Mkdir(contents.Dir, 0o700); errors.Is(err, os.ErrExist) {
		return contents, fmt.Errorf("%s is there already: %w", contents.Dir, ErrNotEmpty)
	} else if err != nil {
		return contents, explain(err)
	}
	if err := e.run(ctx, sidecars); err != nil {
		return contents, errors.Join(err, os.RemoveAll(contents.Dir))
	}
	return contents, nil
}

// restorable reads the sidecars of a chain that is complete as far as its notes say.
func (e *extraction) restorable(ctx context.Context, chain Chain) ([]Sidecar, error) {
	whole := chain.Full != nil && chain.Segments >= chain.Full.Segments
	switch {
	case chain.Damage != nil:
		return nil, chain.Damage
	case chain.Broken != nil && (!e.usable || !whole):
		return nil, fmt.Errorf("%s: %w", e.store.Name(), chain.Broken)
	case !whole:
		return nil, fmt.Errorf("%s in %s: %w: use another one", chain.ID, e.store.Name(), ErrIncomplete)
	}
	sidecars, err := Sidecars(ctx, e.store, chain)
	e.contents.Ended = chain.Broken
	if e.usable && err != nil && spoilt(err) && len(sidecars) >= chain.Full.Segments {
		e.contents.Ended, err = err, nil
	}
	return sidecars, err
}

// reserveBytes is what stays free for the shop on the disk that a backup is extracted to.
const reserveBytes = 64 << 20

func room(dir string, bytes int64) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return fmt.Errorf("the directory %s: %w", dir, err)
	}
	if free := int64(disk.Bavail) * disk.Bsize; free < bytes+reserveBytes {
		return fmt.Errorf("%w: %s has %d MiB free, and %d are needed", ErrNoRoom, dir, free>>20, (bytes+reserveBytes)>>20)
	}
	return nil
}

// extraction is the state of one Extract.
type extraction struct {
	store      target.Store
	identities []age.Identity
	contents   *Contents
	wait       func(ctx context.Context, bytes int) error
	usable     bool
	// previous is the SHA-256 of the plain text of the segment before.
	previous string
	// lengths is what each file has so far.
	lengths map[string]int64
	// full is how many segments the full backup has.
	full int
	// file is the one that grows, and current its name.
	file    *os.File
	current string
}

func (e *extraction) run(ctx context.Context, sidecars []Sidecar) (err error) {
	defer func() { err = errors.Join(err, explain(e.close())) }()
	for _, sidecar := range sidecars {
		before := e.mark()
		err := e.segment(ctx, sidecar)
		if err != nil && e.usable && spoilt(err) && before.full > 0 && before.contents.Segments >= before.full {
			if err := e.rollBack(before); err != nil {
				return err
			}
			e.contents.Ended = err
			break
		}
		if err != nil {
			return err
		}
	}
	return e.finish()
}
