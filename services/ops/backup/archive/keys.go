package archive

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// ParseRecipients reads public keys, parted by commas.
func ParseRecipients(keys string) ([]age.Recipient, error) {
	var recipients []age.Recipient
	for key := range strings.SplitSeq(keys, ",") {
		key = strings.TrimSpace(key)
		if key == "" {
			continue
		}
		if strings.HasPrefix(strings.ToUpper(key), "AGE-SECRET-KEY-") {
			return nil, errors.New("BACKUP_PUBLIC_KEYS has a private key; it must not be on this host: remove it, and make another")
		}
		recipient, err := age.ParseX25519Recipient(key)
		if err != nil {
			return nil, fmt.Errorf("BACKUP_PUBLIC_KEYS has %q, which is no public key of age (age1...): %w", key, err)
		}
		recipients = append(recipients, recipient)
	}
	return recipients, nil
}

// ParseIdentities reads a file of private keys, as `make backup-key` writes it.
func ParseIdentities(file io.Reader) ([]age.Identity, error) {
	identities, err := age.ParseIdentities(io.LimitReader(file, maxNoteBytes))
	if err != nil {
		return nil, fmt.Errorf("the file of the private key: %w", err)
	}
	return identities, nil
}
