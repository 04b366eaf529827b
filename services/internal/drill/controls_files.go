package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"evergreen/services/internal/stack"
)

// edit replaces a text in a shipped file.
type edit struct{ file, old, with string }

// filesWith gives the Prepare of a shop that runs from changed files. They lie in
// the clone's .data, under the control's name: the nodes' start scripts are read
// again whenever a node is started.
func filesWith(slug string, edits ...edit) func(context.Context, *stack.Options) error {
	return func(_ context.Context, o *stack.Options) error {
		root, err := stack.Root()
		if err != nil {
			return err
		}
		o.Files = filepath.Join(root, ".data", "drill-files", slug)
		return changedFiles(root, o.Files, edits)
	}
}

// changedFiles copies what a stack runs from, with edits.
func changedFiles(from, to string, edits []edit) error {
	made := 0
	for _, part := range []string{"redis", "nginx", "prometheus", ".env.example"} {
		err := filepath.WalkDir(filepath.Join(from, part), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			name, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			n, err := changedFile(path, filepath.Join(to, name), filepath.ToSlash(name), edits)
			made += n
			return err
		})
		if err != nil {
			return err
		}
	}
	if made != len(edits) {
		return errors.New("not every edit of the control has a file to be made in")
	}
	return nil
}

// changedFile copies a file with the edits that are for it, and counts them. A copy
// that is as it has to be is left alone: another drill may run from it.
func changedFile(from, to, name string, edits []edit) (made int, err error) {
	text, err := os.ReadFile(from)
	if err != nil {
		return 0, err
	}
	for _, e := range edits {
		if e.file != name {
			continue
		}
		if bytes.Count(text, []byte(e.old)) != 1 {
			return 0, fmt.Errorf("%s does not say %q once: the file has changed, and the control with it", name, e.old)
		}
		text = bytes.Replace(text, []byte(e.old), []byte(e.with), 1)
		made++
	}
	if was, err := os.ReadFile(to); err == nil && bytes.Equal(was, text) {
		return made, nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return 0, err
	}
	return made, os.WriteFile(to, text, 0o644)
}

// Edit replaces a text in a shipped file, for a control of another package.
type Edit struct{ File, Old, With string }

// FilesWith is filesWith for a control of another package.
func FilesWith(slug string, edits ...Edit) func(context.Context, *stack.Options) error {
	made := make([]edit, len(edits))
	for i, e := range edits {
		made[i] = edit{e.File, e.Old, e.With}
	}
	return filesWith(slug, made...)
}
