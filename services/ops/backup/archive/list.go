package archive

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"evergreen/services/ops/backup/target"
)

// Chain is what a target has of a chain.
type Chain struct {
	ID string
	// Full is what chain.json says; nil while the full backup is not complete.
	Full *Full
	// Verified is what verified.json says, or nil.
	Verified *Verified
	// Segments counts the segments from the first on that are there with their sidecars.
	Segments int
	// Last is the sidecar of the last of them: what can be restored from this chain.
	Last Sidecar
	// Bytes is the size of all files.
	Bytes int64
	// Files names all files, as the target does.
	Files []string
	// Ignored says which files are not used, and why.
	Ignored []string
	// Damage is why the chain cannot be restored, if its notes are damaged.
	Damage error
	// Broken is why what was shipped after Last cannot be used; nil if all of it can. Usable has Extract stop there.
	Broken error
	// Modified is when the target got the newest file.
	Modified time.Time
}

// Complete reports whether the full backup can be restored as far as its notes say.
func (c Chain) Complete() bool {
	return c.Full != nil && c.Damage == nil && c.Segments >= c.Full.Segments
}

// Until gives the chain without the segments from an index on: what can be restored when that one is damaged.
func (c Chain) Until(index int) Chain {
	c.Segments, c.Broken = min(c.Segments, index), nil
	return c
}

// List reads which chains a target has, the oldest first. The damage of one chain does not hide the others.
func List(ctx context.Context, store target.Store) ([]Chain, error) {
	objects, err := store.List(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[string][]target.Object{}
	for _, object := range objects {
		if id := path.Dir(object.Name); chainID.MatchString(id) {
			byID[id] = append(byID[id], object)
		}
	}
	var chains []Chain
	for id, files := range byID {
		chain := survey(id, files)
		if err := chain.readNotes(ctx, store); err != nil {
			return nil, err
		}
		chains = append(chains, chain)
	}
	slices.SortFunc(chains, func(a, b Chain) int { return strings.Compare(a.ID, b.ID) })
	return chains, nil
}

// Find reads what a target has of one chain.
func Find(ctx context.Context, store target.Store, id string) (Chain, error) {
	objects, err := store.List(ctx)
	if err != nil {
		return Chain{}, err
	}
	objects = slices.DeleteFunc(objects, func(object target.Object) bool { return path.Dir(object.Name) != id })
	if len(objects) == 0 || !chainID.MatchString(id) {
		return Chain{}, fmt.Errorf("%s has no backup %q: %w", store.Name(), id, target.ErrNotFound)
	}
	chain := survey(id, objects)
	return chain, chain.readNotes(ctx, store)
}

// survey says what is there by the names of the files alone.
func survey(id string, files []target.Object) Chain {
	chain := Chain{ID: id}
	segments, sidecars := map[int]bool{}, map[int]bool{}
	last := -1
	for _, file := range files {
		chain.Bytes += file.Bytes
		chain.Files = append(chain.Files, file.Name)
		if file.Modified.After(chain.Modified) {
			chain.Modified = file.Modified
		}
		match := segmentFile.FindStringSubmatch(path.Base(file.Name))
		if match == nil {
			continue
		}
		index, _ := strconv.Atoi(match[1]) // At most seven digits.
		if match[2] == "json" {
			sidecars[index] = true
			last = max(last, index)
		} else {
			segments[index] = true
		}
	}
	for sidecars[chain.Segments] && segments[chain.Segments] {
		chain.Segments++
	}
	if chain.Segments <= last {
		chain.Broken = fmt.Errorf("segment %d of %s: %w", chain.Segments, id, ErrMissing)
	}
	for index := range segments {
		if !sidecars[index] {
			chain.Ignored = append(chain.Ignored, fmt.Sprintf("%s has no sidecar: it is not complete", segmentName(id, index)))
		}
	}
	slices.Sort(chain.Ignored)
	return chain
}

// readNotes reads the notes of a chain. Only a target that does not answer is an error.
func (c *Chain) readNotes(ctx context.Context, store target.Store) error {
	full, verified := new(Full), new(Verified)
	err := getNote(ctx, store, fullName(c.ID), full)
	switch {
	case errors.Is(err, target.ErrNotFound):
		return nil
	case err == nil && full.Format != Format:
		err = formatError(fullName(c.ID), full.Format)
	case err == nil && full.Chain != c.ID:
		err = fmt.Errorf("%s is of the backup %q: %w", fullName(c.ID), full.Chain, ErrMixed)
	case err == nil && (full.Segments < 1 || full.Segments > maxSegments):
		err = fmt.Errorf("%s: %w: it counts %d segments", fullName(c.ID), ErrDamaged, full.Segments)
	}
	if err == nil {
		c.Full = full
		if vErr := getNote(ctx, store, verifiedName(c.ID), verified); vErr == nil && verified.Chain == c.ID {
			c.Verified = verified
		}
	}
	if err == nil {
		err = c.readLast(ctx, store)
	}
	c.Damage = err
	return ctx.Err()
}

// readLast finds the last sidecar that can be read. One of an increment that is damaged ends the chain before it.
func (c *Chain) readLast(ctx context.Context, store target.Store) (err error) {
	for c.Segments > 0 {
		c.Last, err = getSidecar(ctx, store, c.ID, c.Segments-1)
		if err == nil || c.Segments <= c.Full.Segments || !spoilt(err) {
			return err
		}
		c.Segments, c.Broken = c.Segments-1, err
	}
	return nil
}

// Sidecars reads all sidecars of a chain: what each segment reaches up to. With an error it gives those before it.
func Sidecars(ctx context.Context, store target.Store, chain Chain) ([]Sidecar, error) {
	sidecars := make([]Sidecar, 0, chain.Segments)
	for index := range chain.Segments {
		sidecar, err := getSidecar(ctx, store, chain.ID, index)
		if err != nil {
			return sidecars, err
		}
		sidecars = append(sidecars, sidecar)
	}
	return sidecars, nil
}

// Delete removes a chain. chain.json goes first: a chain that is deleted in part is not complete.
func Delete(ctx context.Context, store target.Store, chain Chain) error {
	if err := store.Delete(ctx, fullName(chain.ID)); err != nil {
		return err
	}
	for _, name := range chain.Files {
		if name == fullName(chain.ID) {
			continue
		}
		if err := store.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
