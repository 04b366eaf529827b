package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Directory is a target on a file system. All paths are resolved inside it: a symbolic
// link that leads out of it is refused.
type Directory struct {
	path string
	root *os.Root
}

// OpenDirectory opens a directory that exists. It is not created: the path may belong to a
// file system that is not mounted now.
func OpenDirectory(path string) (*Directory, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("the target %s: %w", path, err)
	}
	return &Directory{path: path, root: root}, nil
}

// Name is the directory's path.
func (d *Directory) Name() string { return d.path }

// Put writes a file beside, syncs it and renames it. What fails leaves nothing under name.
func (d *Directory) Put(ctx context.Context, name string, body io.Reader, bytes int64) error {
	if err := checkName(name); err != nil {
		return err
	}
	part := partPrefix + strings.ReplaceAll(name, "/", "_")
	err := d.write(ctx, part, body, bytes)
	if err == nil {
		err = d.publish(part, name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s to the target %s: %w", name, d.path, err), d.remove(part))
	}
	return nil
}

func (d *Directory) write(ctx context.Context, part string, body io.Reader, bytes int64) (err error) {
	file, err := d.root.OpenFile(part, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	written, err := io.Copy(file, contextReader{ctx, body})
	if err == nil && written != bytes {
		err = fmt.Errorf("%d bytes came in place of %d", written, bytes)
	}
	if err == nil {
		err = file.Sync()
	}
	return err
}

func (d *Directory) publish(part, name string) error {
	if err := d.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	if err := d.root.Rename(part, name); err != nil {
		return err
	}
	return errors.Join(d.sync(path.Dir(name)), d.sync("."))
}

// sync makes the names in a directory durable.
func (d *Directory) sync(name string) error {
	dir, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Get opens a file.
func (d *Directory) Get(_ context.Context, name string) (io.ReadCloser, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	info, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s in %s: %w", name, d.path, ErrNotFound)
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s in %s is not a regular file", name, d.path)
	}
	if err != nil {
		return nil, err
	}
	return d.root.Open(name)
}

// List lists the regular files with plain names.
func (d *Directory) List(ctx context.Context) ([]Object, error) {
	var found []Object
	err := fs.WalkDir(d.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return cmp.Or(err, ctx.Err())
		}
		if !entry.Type().IsRegular() || !plain.MatchString(name) {
			return nil
		}
		info, err := entry.Info()
		if err == nil {
			found = append(found, Object{Name: name, Bytes: info.Size(), Modified: info.ModTime()})
		}
		if len(found) > MaxObjects {
			return errTooMany
		}
		return err
	})
	if errors.Is(err, errTooMany) {
		return nil, tooMany(d.path)
	}
	if err != nil {
		return nil, fmt.Errorf("list the target %s: %w", d.path, err)
	}
	slices.SortFunc(found, func(a, b Object) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

// Delete removes a file, and the directory that it leaves empty.
func (d *Directory) Delete(_ context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := d.remove(name); err != nil {
		return fmt.Errorf("delete %s from the target %s: %w", name, d.path, err)
	}
	if parent := path.Dir(name); parent != "." {
		_ = d.root.Remove(parent) // Refused while something is in it.
	}
	return nil
}

func (d *Directory) remove(name string) error {
	if err := d.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveParts removes what killed writers left: parts that are older than an age.
func (d *Directory) RemoveParts(age time.Duration) error {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	for _, entry := range entries {
		info, gone := entry.Info()
		if gone == nil && strings.HasPrefix(entry.Name(), partPrefix) && time.Since(info.ModTime()) > age {
			err = errors.Join(err, d.remove(entry.Name()))
		}
	}
	return err
}

// contextReader ends a copy when its context ends.
type contextReader struct {
	ctx  context.Context
	from io.Reader
}

func (r contextReader) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(into)
}
