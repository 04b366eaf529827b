// Package logfile keeps a copy of what a program logs in a file of bounded size, for a collector that reads files. In
// containers the program's output is the engine's, and the collector gets no access to that.
package logfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// most is how large a file grows, in bytes, before it is put aside as NAME.1 in the place of the one before. Both lie in
// memory in containers, and count as this process's there.
const most = 4 << 20

// File is an io.Writer for whole lines. It may be used by several goroutines.
type File struct {
	path string
	most int64

	mu   sync.Mutex
	file *os.File
	size int64
}

// Open continues dir/name.log. Others may read it: that is what it is for.
func Open(dir, name string) (*File, error) {
	f := &File{path: filepath.Join(dir, name+".log"), most: most}
	return f, f.open()
}

func (f *File) open() error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, info.Size()
	return nil
}

// Write appends a line.
func (f *File) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.size > 0 && f.size+int64(len(line)) > f.most {
		if err := f.putAside(); err != nil {
			return 0, err
		}
	}
	n, err := f.file.Write(line)
	f.size += int64(n)
	return n, err
}

// putAside renames the file, so that who is reading it can read it to its end, and begins a new one.
func (f *File) putAside() error {
	if err := os.Rename(f.path, f.path+".1"); err != nil {
		return err
	}
	old := f.file
	if err := f.open(); err != nil {
		return err
	}
	return old.Close()
}

// Close ends it.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}

// Also gives a writer that writes to out and a copy to each of the others. What goes wrong with a copy is nobody's
// concern: a full disk must not keep the shop from selling, nor from saying so.
func Also(out io.Writer, copies ...io.Writer) io.Writer { return &both{out: out, copies: copies} }

type both struct {
	out    io.Writer
	copies []io.Writer
}

func (b *both) Write(line []byte) (int, error) {
	for _, c := range b.copies {
		_, _ = c.Write(line)
	}
	return b.out.Write(line)
}
