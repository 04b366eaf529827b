package stack

import (
	"crypto/rand"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/joho/godotenv"

	"evergreen/services/internal/config"
)

// isSecret tells a setting that is a secret of the shop's own, whose value
// .env.example must not give away.
func isSecret(name string) bool {
	return name == "SECRET_KEY" || strings.HasSuffix(name, "_PASSWORD") && name != mailPassword
}

// mailPassword is what a mail server asks for: nothing that the shop could make up,
// and empty where the mail server asks for nothing.
const mailPassword = "SMTP_PASSWORD"

// isOthersSecret tells a secret that the API must not know: the mail server's, those of the backups' targets, and
// the Redis users' ones, of which it is given its own under another name.
func isOthersSecret(name string) bool {
	return name == mailPassword || strings.HasPrefix(name, backupPrefix) || isRedisSecret(name)
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
			return nil, fmt.Errorf(".env has no %s of its own; remove that line, if there is one, and `make env` adds a random one", name)
		}
	}
	maps.Copy(settings, own)
	return settings, nil
}
