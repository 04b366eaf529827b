package program

import (
	"context"
	"errors"
	"fmt"

	"evergreen/services/ops/backup/restore"
)

// restoring gives the command of package restore that has this name.
func restoring(name string) func(context.Context, []string, Environment) error {
	return func(ctx context.Context, args []string, env Environment) error {
		err := restore.Run(ctx, name, args, restore.Environment{
			Getenv: env.Getenv, Stdin: env.Stdin, Stdout: env.Stdout, Stderr: env.Stderr,
		})
		if errors.Is(err, restore.ErrUsage) {
			_, _ = fmt.Fprintln(env.Stderr, err)
			return errUsage
		}
		return err
	}
}
