package shoptest

import (
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"
)

// BackupKey is a public key for backups of a test's shop. Its private half is gone: the service alone verifies them.
func BackupKey(t *testing.T) string {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	return key.Recipient().String()
}
