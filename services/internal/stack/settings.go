package stack

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/joho/godotenv"

	"evergreen/services/internal/config"
)

// isSecret tells a setting whose value .env.example must not give away.
func isSecret(name string) bool {
	return name == "SECRET_KEY" || name == "REDIS_PASSWORD" || name == "ADMIN_PASSWORD"
}

// randomSecret has 26 letters and digits, 130 bits of chance, twice over: the
// longest minimum is 32 bytes.
func randomSecret() string { return rand.Text() + rand.Text() }

// defaults reads .env.example with random secrets: what a stack has that was
// told nothing else.
func defaults(root string) (map[string]string, error) {
	settings, err := godotenv.Read(filepath.Join(root, ".env.example"))
	if err != nil {
		return nil, fmt.Errorf("the example of the settings: %w", err)
	}
	for name, value := range settings {
		if isSecret(name) || value == config.ExampleSecret {
			settings[name] = randomSecret()
		}
	}
	return settings, nil
}

// LoadSettings reads root's .env over the defaults of .env.example; what getenv
// knows wins over both. Secrets must be there, and be one's own.
func LoadSettings(root string, getenv func(string) string) (map[string]string, error) {
	settings, err := defaults(root)
	if err != nil {
		return nil, err
	}
	own, err := godotenv.Read(filepath.Join(root, ".env"))
	if err != nil {
		return nil, fmt.Errorf("the settings (`make env` writes them): %w", err)
	}
	for name := range settings {
		if value := getenv(name); value != "" {
			own[name] = value
		}
		if isSecret(name) && (own[name] == "" || own[name] == config.ExampleSecret) {
			return nil, fmt.Errorf(".env has no %s of its own; remove .env and `make env` writes a new one", name)
		}
	}
	maps.Copy(settings, own)
	return settings, nil
}

// MakeEnv writes root's .env from .env.example with random secrets, readable by
// its owner only, unless there is one: that is never changed. It reports whether
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
		if name, value, ok := strings.Cut(line, "="); ok && value == config.ExampleSecret {
			lines[i] = name + "=" + randomSecret()
		}
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
