package stack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// HeldError says that another stack has the prefix.
type HeldError struct {
	// Net is the prefix, such as "127.20.0".
	Net string
	// Holder describes the other stack: its pid, its directory, since when.
	Holder string
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is held by %s; nothing was changed", e.Net, e.Holder)
}

// lock is the right to use one prefix on this host. Two stacks on one prefix
// would silently share the port that nginx listens on.
type lock struct{ file *os.File }

// lockDir is one directory for all clones and all users of the host: each of
// them finds the same answer to whether /run/lock is open to everybody.
func lockDir() string {
	const open = 0o777 | fs.ModeSticky
	if info, err := os.Stat("/run/lock"); err == nil && info.Mode()&open == open {
		return "/run/lock/evergreen"
	}
	return "/tmp/evergreen-locks"
}

// makeLockDir opens the directory to all users; only the first of them may and
// must do that.
func makeLockDir(dir string) error {
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o777|fs.ModeSticky)
}

// acquire takes the lock on net or returns a *HeldError. When its holder is dead
// and its children are just being ended, it waits a moment for that.
func acquire(dir, net, owner string) (*lock, error) {
	if err := makeLockDir(dir); err != nil {
		return nil, fmt.Errorf("the directory for locks: %w", err)
	}
	path := filepath.Join(dir, net+".lock")
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		l, err := tryLock(path)
		if err == nil {
			return l, l.sign(owner)
		}
		var held *HeldError
		if errors.As(err, &held) && (holderLives(held.Holder) || time.Now().After(deadline)) {
			held.Net = net
			return nil, held
		}
		if held == nil && !errors.Is(err, errReplaced) {
			return nil, fmt.Errorf("the lock for %s: %w", net, err)
		}
	}
}

// errReplaced says that the file was removed by its last holder between our
// opening and our locking it.
var errReplaced = errors.New("the lock file was replaced")

func tryLock(path string) (*lock, error) {
	file, err := openShared(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer file.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, err
		}
		holder, _ := io.ReadAll(io.LimitReader(file, 4096))
		return nil, &HeldError{Holder: strings.TrimSpace(string(holder))}
	}
	mine, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(mine, there) {
		file.Close()
		return nil, errReplaced
	}
	return &lock{file}, nil
}

// openShared opens or makes a file that every user may lock. Not with O_CREATE
// where it exists: the kernel's fs.protected_regular refuses that, to root too,
// for another user's file in a directory like /tmp.
func openShared(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return nil, errReplaced
	}
	if err != nil {
		return nil, err
	}
	return file, file.Chmod(0o666)
}

// sign writes into the file who holds it, for others to read.
func (l *lock) sign(owner string) error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	since := time.Now().Format(time.RFC3339)
	_, err := fmt.Fprintf(io.NewOffsetWriter(l.file, 0), "pid %d in %s since %s\n", os.Getpid(), owner, since)
	return err
}

// release gives the prefix back. The file goes while it is still locked, so that
// nobody can lock it in between; another user's cannot be removed, only emptied.
func (l *lock) release() {
	_ = l.file.Truncate(0)
	_ = os.Remove(l.file.Name())
	_ = l.file.Close()
}

// holderPID reads the pid out of a holder's line; 0 if there is no pid in it.
func holderPID(holder string) (pid int) {
	if _, err := fmt.Sscanf(holder, "pid %d ", &pid); err != nil {
		return 0
	}
	return pid
}

func holderLives(holder string) bool {
	pid := holderPID(holder)
	return pid != 0 && !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}
