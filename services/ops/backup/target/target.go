// Package target keeps the files of backups: in a directory, or in a bucket of an
// S3-compatible store. It knows nothing of what is in them.
package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Store is one target. Names are relative paths of plain characters, such as
// "20260102T030405678Z-0123456789abcdef/00001.json".
type Store interface {
	// Name is how messages and metrics call the target. It holds no secret.
	Name() string
	// Put stores the bytes bytes of body under name: all of them or nothing.
	Put(ctx context.Context, name string, body io.Reader, bytes int64) error
	// Get opens what is stored under name; ErrNotFound if there is nothing.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// List lists what is stored, in the order of the names.
	List(ctx context.Context) ([]Object, error)
	// Delete removes what is stored under name, if there is something.
	Delete(ctx context.Context, name string) error
}

// Object is one stored file.
type Object struct {
	Name     string
	Bytes    int64
	Modified time.Time
}

// ErrNotFound says that nothing is stored under a name.
var ErrNotFound = errors.New("there is no such file in the target")

// MaxObjects is how many files of backups a target may have: more than that is refused, so that a list fits in memory.
const MaxObjects = 1_000_000

var errTooMany = errors.New("there are too many files")

func tooMany(name string) error {
	return fmt.Errorf(
		"the target %s: %w, more than %d: remove those that are no backups of this shop, or use another prefix",
		name,
		errTooMany,
		MaxObjects,
	)
}

// Check refuses an address that no target can have, without a look at the target. The message does not repeat an address with a
// user: it may hold a secret.
func Check(address string) error {
	if parsed, err := url.Parse(address); !strings.HasPrefix(address, "/") &&
		(err != nil || parsed.User != nil || strings.Contains(address, "@")) {
		return errors.New(
			"an address of a target has a user or cannot be read (it is not repeated here): use s3://HOST[:PORT]/BUCKET[/PREFIX], " +
				"BACKUP_S3_ACCESS_KEY and BACKUP_S3_SECRET_KEY",
		)
	}
	return nil
}

// Credentials are what an S3-compatible store asks for.
type Credentials struct{ AccessKey, SecretKey string }

// Open gives the target that an address describes: the absolute path of a directory that
// exists, or s3://HOST[:PORT]/BUCKET[/PREFIX], or s3+http:// for a store without TLS.
func Open(address string, credentials Credentials) (Store, error) {
	if err := Check(address); err != nil {
		return nil, err
	}
	var store Store
	var err error
	switch {
	case strings.HasPrefix(address, "/"):
		store, err = OpenDirectory(address)
	case strings.HasPrefix(address, "s3://"), strings.HasPrefix(address, "s3+http://"):
		store, err = OpenS3(address, credentials)
	default:
		err = fmt.Errorf("the target %q is neither an absolute path nor an s3:// address", address)
	}
	if err != nil {
		return nil, err
	}
	return store, nil
}

// partPrefix begins the names of files that are not complete.
const partPrefix = ".part-"

var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)

// checkName refuses names that could lead out of the target.
func checkName(name string) error {
	if len(name) > 200 || !plain.MatchString(name) {
		return fmt.Errorf("%q cannot be the name of a file of a backup", name)
	}
	return nil
}
