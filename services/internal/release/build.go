// Package release knows which version of the shop this is and which one came before, and builds the programs of any
// other version from the history of the clone.
package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoHistory says that a version is not in the clone's history.
var ErrNoHistory = errors.New("this clone's history does not have that version")

// Build builds services/program of a commit, a tag or a branch, and returns the path of the program. A version is built
// once for each clone: .data/releases/COMMIT/PROGRAM below root. It returns ErrNoHistory where the clone lacks the version.
func Build(ctx context.Context, root, ref, program string) (string, error) {
	files, err := Files(ctx, root, ref)
	if err != nil {
		return "", err
	}
	built := filepath.Join(filepath.Dir(files), program)
	return built, locked(root, func() error {
		if exists(built) {
			return nil
		}
		return build(ctx, root, files, program, built)
	})
}

// Files returns a directory with all files of a commit, a tag or a branch: its redis/, nginx/, prometheus/ and
// .env.example start a stack as that version. The directory is shared and must not be written to. It returns ErrNoHistory
// where the clone lacks the version.
func Files(ctx context.Context, root, ref string) (string, error) {
	commit, err := Commit(ctx, root, ref)
	if err != nil {
		return "", err
	}
	files := filepath.Join(cache(root), commit, "files")
	return files, locked(root, func() error {
		if exists(files) {
			return nil
		}
		return extract(ctx, root, commit, files)
	})
}

// Commit is the full hash of a commit, a tag or a branch. It returns ErrNoHistory where the clone lacks it.
func Commit(ctx context.Context, root, ref string) (string, error) {
	said, err := git(ctx, root, "rev-parse", "--verify", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("%w: %s (`git fetch --unshallow --tags` fetches all of it): %w", ErrNoHistory, ref, err)
	}
	return strings.TrimSpace(said), nil
}

func cache(root string) string { return filepath.Join(root, ".data", "releases") }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// locked lets one process at a time fill the cache.
func locked(root string, do func() error) error {
	if err := os.MkdirAll(cache(root), 0o755); err != nil {
		return err
	}
	guard, err := os.OpenFile(filepath.Join(cache(root), "build.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer guard.Close()
	if err := unix.Flock(int(guard.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	return do()
}

// extract unpacks the files of a commit beside their place and renames them when they are complete.
func extract(ctx context.Context, root, commit, files string) error {
	if err := os.MkdirAll(filepath.Dir(files), 0o755); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(filepath.Dir(files), "files.new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(draft)
	archive := filepath.Join(draft, "archive.tar")
	if _, err := git(ctx, root, "archive", "--format=tar", "--output="+archive, commit); err != nil {
		return fmt.Errorf("the files of %s: %w", commit, err)
	}
	unpacked := filepath.Join(draft, "files")
	if err := os.Mkdir(unpacked, 0o755); err != nil {
		return err
	}
	if said, err := exec.CommandContext(ctx, "tar", "-x", "-f", archive, "-C", unpacked).CombinedOutput(); err != nil {
		return fmt.Errorf("unpacking the files of %s: %w\n%s", commit, err, said)
	}
	return os.Rename(unpacked, files)
}

// build tells the program its version, as the API's Dockerfile does: the unpacked files have no history.
func build(ctx context.Context, root, files, program, target string) error {
	commit := filepath.Base(filepath.Dir(files))
	name := commit
	if said, err := git(ctx, root, "describe", "--tags", "--always", commit); err == nil {
		name = strings.TrimPrefix(strings.TrimSpace(said), "v")
	}
	const stamp = "github.com/prometheus/common/version."
	draft := target + ".new"
	defer os.Remove(draft)
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", draft,
		"-ldflags=-X "+stamp+"Version="+name+" -X "+stamp+"Revision="+commit, "./services/"+program)
	command.Dir = files
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building services/%s of %s: %w\n%s", program, name, err, said)
	}
	return os.Rename(draft, target)
}

// git runs in root and gives what it prints; the error has its complaint.
func git(ctx context.Context, root string, args ...string) (string, error) {
	var out, complaint bytes.Buffer
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir, command.Stdout, command.Stderr = root, &out, &complaint
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), nil
}
