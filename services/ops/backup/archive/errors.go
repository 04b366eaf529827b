package archive

import (
	"errors"
	"fmt"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"evergreen/services/ops/backup/target"
)

// Why a backup is refused. Each error that Extract gives wraps one of them, or is the target's.
var (
	ErrIncomplete = errors.New("the full backup is not complete")
	ErrMissing    = errors.New("a segment is missing")
	ErrDamaged    = errors.New("the file is damaged")
	ErrWrongKey   = errors.New("this private key cannot read the backup")
	ErrMixed      = errors.New("files of two backups are mixed")
	ErrFormat     = errors.New("this format is not known")
	ErrNoRoom     = errors.New("there is no room on the disk")
	ErrNotEmpty   = errors.New("the directory is not empty")
)

// spoilt tells errors that are in what the target has, so that what came before can still be used.
func spoilt(err error) bool {
	for _, reason := range []error{ErrMissing, ErrDamaged, ErrMixed, ErrFormat, ErrWrongKey, target.ErrNotFound} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// explain names the cause of an error in reading a segment.
func explain(err error) error {
	var noMatch *age.NoIdentityMatchError
	switch {
	case errors.As(err, &noMatch):
		return ErrWrongKey
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return err
}
