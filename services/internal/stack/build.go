package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// buildAPI builds the API's program once for all stacks of this clone, which is
// a matter of milliseconds while nothing has changed, and links it to target:
// another build replaces the file, not the one that runs.
func buildAPI(ctx context.Context, root, target string) error {
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
	built := filepath.Join(shared, "api")
	build := exec.CommandContext(ctx, "go", "build", "-o", built, "./services/api")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the API: %w\n%s", err, output)
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
