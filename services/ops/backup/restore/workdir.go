package restore

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// workDir makes an empty directory for scratch files in dir. Its lock ends with the process: what a program that was killed has
// left there goes.
func workDir(dir string) (path string, remove func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, err
	}
	all, err := locked(dir, unix.LOCK_EX) // a directory that was just made and is not locked yet is not a left one
	if err != nil {
		return "", nil, err
	}
	defer all.Close()
	found, err := filepath.Glob(filepath.Join(dir, "work-*"))
	if err != nil {
		return "", nil, err
	}
	for _, left := range found {
		if lock, err := locked(left, unix.LOCK_EX|unix.LOCK_NB); err == nil {
			_ = os.RemoveAll(left)
			lock.Close()
		}
	}
	if path, err = os.MkdirTemp(dir, "work-"); err != nil {
		return "", nil, err
	}
	lock, err := locked(path, unix.LOCK_EX)
	if err != nil {
		return "", nil, errors.Join(err, os.Remove(path))
	}
	return path, func() {
		_ = os.RemoveAll(path)
		lock.Close()
	}, nil
}

func locked(dir string, how int) (*os.File, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), how); err != nil {
		return nil, errors.Join(&os.PathError{Op: "flock", Path: dir, Err: err}, file.Close())
	}
	return file, nil
}

// syncDirs has the disk keep the names of the files in directories.
func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		file, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(file.Sync(), file.Close()); err != nil {
			return err
		}
	}
	return nil
}
