package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// build sees to the program of a service that is one of ours, unless the stack was
// given it.
func (s *Stack) build(ctx context.Context, svc service) error {
	switch {
	case s.apiBinaries[svc.name] != "":
	case svc.kind == kindAPI && s.apiBinary == "":
		s.apiBinary = filepath.Join(s.dir, "api")
		return buildProgram(ctx, s.root, "api", s.apiBinary)
	case svc.kind == kindMail && s.mailBinary == "":
		s.mailBinary = filepath.Join(s.dir, "local")
		return buildProgram(ctx, s.root, "local", s.mailBinary)
	case svc.kind == kindBackup:
		return buildProgram(ctx, s.root, "backup", s.backupProgram())
	}
	return nil
}

// buildProgram builds one of services/ once for all stacks of this clone, which is
// a matter of milliseconds while nothing has changed, and links it to target:
// another build replaces the file, not the one that runs.
func buildProgram(ctx context.Context, root, name, target string) error {
	shared := filepath.Join(root, ".data", "bin")
	if err := os.MkdirAll(shared, 0o755); err != nil {
		return err
	}
	// Several test processes may come here at once.
	guard, err := os.OpenFile(filepath.Join(shared, "build.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer guard.Close()
	if err := unix.Flock(int(guard.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	// Not under its own name: `make` builds that one without this guard.
	built := filepath.Join(shared, "stack-"+name)
	build := exec.CommandContext(ctx, "go", "build", "-o", built, "./services/"+name)
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building services/%s: %w\n%s", name, err, output)
	}
	return linkOrCopy(built, target)
}

// linkOrCopy gives a file a second name, or copies it to another file system.
func linkOrCopy(from, to string) error {
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
