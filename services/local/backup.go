package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"evergreen/services/internal/stack"
)

// backup becomes the program for backups, with the environment of this shop.
func (l *local) backup(arguments []string) (err error) {
	if l.root, err = stack.Root(); err != nil {
		return err
	}
	if err := l.checkNet(); err != nil {
		return err
	}
	settings, err := stack.LoadSettings(l.root, os.Getenv)
	if err != nil {
		return err
	}
	access := stack.Access{Net: l.net, Dir: l.dir(), Files: l.root, Settings: settings}
	program := filepath.Join(l.root, ".data", "bin", "backup")
	if err := unix.Exec(program, append([]string{program}, arguments...), access.BackupEnvironment()); err != nil {
		return fmt.Errorf("%s (make builds it): %w", program, err)
	}
	return nil
}
