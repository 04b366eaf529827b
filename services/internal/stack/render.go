package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Root finds the repository: the nearest directory upwards from the working
// directory that holds a go.mod. Tests run in their package's directory, `make`
// in the root; both read the same shipped files.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in this directory or above it: run this inside the repository")
		}
		dir = parent
	}
}

// Render replaces every ${NAME} (capitals, digits, underscores) in a shipped
// file. nginx's own $variables and Prometheus's ${1} are left alone. The error
// lists the names that nothing is known for: a configuration with a hole in it
// would start and then do something else. A value may be empty.
func Render(text string, values map[string]string) (string, error) {
	var unknown []string
	placeholder := regexp.MustCompile(`\$\{[A-Z][A-Z0-9_]*\}`)
	rendered := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		value, ok := values[name]
		if !ok && !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
		return value
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("nothing is known for the placeholders %s", strings.Join(unknown, ", "))
	}
	return rendered, nil
}

// renderDir renders every file below from into the same place below to, which
// only its owner may read: secrets may stand in it. A suffix ".template" is cut;
// shell scripts are left out, they start the same programs in containers.
func renderDir(from, to string, values map[string]string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if filepath.Ext(path) == ".sh" {
			return nil
		}
		target := filepath.Join(to, strings.TrimSuffix(relative, ".template"))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		return renderFile(path, target, values)
	})
}

// renderFiles renders those files of one directory that a pattern names, such as
// "rules/*.yml", into the same places below another.
func renderFiles(from, to string, values map[string]string, patterns ...string) error {
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil {
			return err
		}
		target := filepath.Join(to, filepath.Dir(pattern))
		if err := os.MkdirAll(target, 0o700); err != nil {
			return err
		}
		for _, path := range found {
			if err := renderFile(path, filepath.Join(target, filepath.Base(path)), values); err != nil {
				return err
			}
		}
	}
	return nil
}

func renderFile(from, to string, values map[string]string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	rendered, err := Render(string(text), values)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return os.WriteFile(to, []byte(rendered), 0o600)
}
