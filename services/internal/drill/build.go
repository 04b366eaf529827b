package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"evergreen/services/internal/stack"
)

// WeakAPI builds the API's program with the hooks that only the drill has (build
// tag drill) and gives its path.
func WeakAPI(ctx context.Context) (path string, err error) {
	return buildAPI(ctx, "api-drill", "-tags", "drill")
}

// shippedAPI builds the API's program as it ships, and gives its path.
func shippedAPI(ctx context.Context) (path string, err error) { return buildAPI(ctx, "api-shipped") }

// buildAPI builds the API's program under a name of its own. The result takes the place of an older one by a
// rename, so that a stack which runs that one, in whatever process, goes on with it.
func buildAPI(ctx context.Context, name string, flags ...string) (path string, err error) {
	root, err := stack.Root()
	if err != nil {
		return "", err
	}
	shared := filepath.Join(root, ".data", "bin")
	if err := os.MkdirAll(shared, 0o755); err != nil {
		return "", err
	}
	own, err := os.MkdirTemp(shared, "drill-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(own)) }()
	built := filepath.Join(own, "api")
	build := exec.CommandContext(ctx, "go", append(append([]string{"build"}, flags...), "-o", built, "./services/api")...)
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the API for the drill: %w\n%s", err, output)
	}
	path = filepath.Join(shared, name)
	return path, os.Rename(built, path)
}
