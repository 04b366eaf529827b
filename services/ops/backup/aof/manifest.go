package aof

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// folder is Redis's name for the directory of its append-only files.
const folder = "appendonlydir"

// Files are the append-only files of a directory, as their manifest lists them.
type Files struct {
	dir      string // with the files themselves
	manifest string // the path of the manifest
	base     file   // without a name where there is none
	incrs    []file // in the order in which they were written
}

// file is the base or one increment.
type file struct {
	name string
	seq  int64
}

// mostManifestLines bounds what is read of a manifest. A node has one increment for each rewrite that was not ended.
const mostManifestLines = 10_000

// Open reads the manifest of dir/appendonlydir.
func Open(dir string) (*Files, error) {
	dir = filepath.Join(dir, folder)
	found, err := filepath.Glob(filepath.Join(dir, "*.manifest"))
	if err != nil || len(found) != 1 {
		return nil, errors.Join(err, fmt.Errorf("%w: %s has %d manifests, not one", ErrBroken, dir, len(found)))
	}
	f := &Files{dir: dir, manifest: found[0]}
	in, err := os.Open(f.manifest)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		if n > mostManifestLines {
			return nil, fmt.Errorf("%w: the manifest has more than %d lines", ErrBroken, mostManifestLines)
		}
		if err := f.add(strings.TrimSpace(lines.Text())); err != nil {
			return nil, fmt.Errorf("line %d of the manifest: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w: the manifest: %w", ErrBroken, err)
	}
	return f, f.present()
}

// add reads a line such as: file appendonly.aof.1.incr.aof seq 1 type i
func (f *Files) add(line string) error {
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	words := strings.Fields(line)
	if len(words) < 6 || words[0] != "file" || words[2] != "seq" || words[4] != "type" {
		return fmt.Errorf("%w: %.100q is no line of a manifest", ErrBroken, line)
	}
	name := words[1]
	seq, err := strconv.ParseInt(words[3], 10, 64)
	if err != nil || name != filepath.Base(name) || strings.ContainsAny(name, `"\`) || name == "." || name == ".." {
		return fmt.Errorf("%w: %.100q names no file of this directory", ErrBroken, line)
	}
	switch words[5] {
	case "h": // what a rewrite has replaced
	case "b":
		if f.base.name != "" {
			return fmt.Errorf("%w: there are two bases", ErrBroken)
		}
		f.base = file{name, seq}
	case "i":
		if n := len(f.incrs); n > 0 && f.incrs[n-1].seq >= seq {
			return fmt.Errorf("%w: increment %d comes after %d", ErrBroken, seq, f.incrs[n-1].seq)
		}
		f.incrs = append(f.incrs, file{name, seq})
	default:
		return fmt.Errorf("%w: %.100q has a type that is not known", ErrBroken, line)
	}
	return nil
}

// present holds that every file is there.
func (f *Files) present() error {
	names := []string{f.base.name}
	for _, incr := range f.incrs {
		names = append(names, incr.name)
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		if info, err := os.Lstat(filepath.Join(f.dir, name)); err != nil || !info.Mode().IsRegular() {
			return errors.Join(err, fmt.Errorf("%w: the manifest names %s, and there is no such file", ErrBroken, name))
		}
	}
	return nil
}

// keep makes the first increments the only ones, and the last of them so long. The manifest is replaced at once; it is what
// decides which files count.
func (f *Files) keep(at Position) error {
	f.incrs = f.incrs[:at.File+1]
	if err := os.Truncate(filepath.Join(f.dir, f.incrs[at.File].name), at.Offset); err != nil {
		return err
	}
	var text strings.Builder
	if f.base.name != "" {
		fmt.Fprintf(&text, "file %s seq %d type b\n", f.base.name, f.base.seq)
	}
	for _, incr := range f.incrs {
		fmt.Fprintf(&text, "file %s seq %d type i\n", incr.name, incr.seq)
	}
	draft := filepath.Join(f.dir, "manifest.new")
	if err := os.WriteFile(draft, []byte(text.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, f.manifest)
}

// BaseOnly makes a directory beside, dir/appendonlydir, that has the base alone, as another name of the same file; ok is
// false where there is no base, so that the increments begin with nothing.
func (f *Files) BaseOnly(dir string) (ok bool, err error) {
	if f.base.name == "" {
		return false, nil
	}
	dir = filepath.Join(dir, folder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	if err := os.Symlink(filepath.Join(f.dir, f.base.name), filepath.Join(dir, f.base.name)); err != nil {
		return false, err
	}
	line := fmt.Sprintf("file %s seq %d type b\n", f.base.name, f.base.seq)
	return true, os.WriteFile(filepath.Join(dir, filepath.Base(f.manifest)), []byte(line), 0o600)
}
