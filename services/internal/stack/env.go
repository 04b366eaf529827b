package stack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joho/godotenv"
	"golang.org/x/sys/unix"

	"evergreen/services/internal/config"
)

// MakeEnv writes root's .env from .env.example with random secrets, readable by
// its owner only, unless there is one: see CompleteEnv for that. It reports whether
// it wrote.
func MakeEnv(root string) (bool, error) {
	target := filepath.Join(root, ".env")
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	example, err := os.ReadFile(filepath.Join(root, ".env.example"))
	if err != nil {
		return false, err
	}
	lines := strings.Split(string(example), "\n")
	for i, line := range lines {
		lines[i] = withRandomSecret(line)
	}
	// Written whole beside it and then linked, so that neither half a file is
	// left behind nor one overwritten that came in between.
	draft, err := os.CreateTemp(root, ".env.new-")
	if err != nil {
		return false, err
	}
	defer os.Remove(draft.Name())
	if _, err := draft.WriteString(strings.Join(lines, "\n")); err != nil {
		return false, err
	}
	if err := draft.Close(); err != nil {
		return false, err
	}
	if err := os.Link(draft.Name(), target); errors.Is(err, fs.ErrExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, nil
}

// withRandomSecret replaces the example's secret in a line, if it has one.
func withRandomSecret(line string) string {
	if name, value, ok := strings.Cut(line, "="); ok && value == config.ExampleSecret {
		return name + "=" + randomSecret()
	}
	return line
}

// CompleteEnv adds to root's .env what an earlier version did not know yet and
// something would be missing without: secrets that .env.example has and .env lacks,
// each with a random value, the operator's name, and what docker compose runs. What
// stands there is left as it is. It returns the names that it added.
func CompleteEnv(root string) (added []string, err error) {
	example, err := os.ReadFile(filepath.Join(root, ".env.example"))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(root, ".env")
	own, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	// A complete .env need not be writable.
	if added, _, err = missing(string(example), own); err != nil || len(added) == 0 {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	// Another `make` may be here at the same time, and have been faster.
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		return nil, err
	}
	if own, err = io.ReadAll(file); err != nil {
		return nil, err
	}
	added, lines, err := missing(string(example), own)
	if err == nil && len(added) > 0 {
		_, err = io.WriteString(file, lines)
	}
	return added, err
}

// completed are the settings that are no secrets and yet added.
func completed() []string { return []string{"REDIS_ADMIN_USER", "API_REPLICAS", "COMPOSE_PROFILES"} }

// missing lists what CompleteEnv adds, and the lines that do so.
func missing(example string, own []byte) (names []string, lines string, err error) {
	settings, err := godotenv.UnmarshalBytes(own)
	if err != nil {
		return nil, "", fmt.Errorf("the settings in .env: %w", err)
	}
	if len(own) > 0 && own[len(own)-1] != '\n' {
		lines = "\n"
	}
	lines += "\n# Added by `make env`; .env.example explains them.\n"
	for line := range strings.Lines(example) {
		line = strings.TrimSpace(line)
		name, value, _ := strings.Cut(line, "=")
		if _, has := settings[name]; !has && (value == config.ExampleSecret || slices.Contains(completed(), name)) {
			names = append(names, name)
			lines += withRandomSecret(line) + "\n"
		}
	}
	return names, lines, nil
}
