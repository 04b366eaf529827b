package program

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"evergreen/services/internal/operate"
	"evergreen/services/internal/redisdb"
)

// The command has said itself why it failed, or that it was not called as it should be.
var (
	errSaid      = errors.New("the command failed")
	errUsageSaid = errors.New("the command line is not understood")
)

// operator is the service operator of docker-compose.yml: restore, undo and show, and all that package operate does.
func operator(ctx context.Context, args []string, env Environment) error {
	if len(args) > 0 && slices.Contains([]string{"restore", "undo", "show"}, args[0]) {
		return restoring(args[0])(ctx, args[1:], env)
	}
	switch operate.Run(ctx, args, env.Getenv, env.Stdout, env.Stderr) {
	case 0:
		return nil
	case 2:
		return errUsageSaid
	}
	return errSaid
}

// layout is what scripts/finish-upgrade asks an image for.
func layout(_ context.Context, _ []string, env Environment) error {
	_, err := fmt.Fprintln(env.Stdout, redisdb.Layout)
	return err
}
