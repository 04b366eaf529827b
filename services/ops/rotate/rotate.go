// Package rotate replaces a secret of a Redis user in the shop of `make up` while it sells. .env is its record: while a secret is
// replaced, the second one that the servers accept stands beside it, so that a second run goes on where the first was cut off.
package rotate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"evergreen/services/internal/operate"
	"evergreen/services/internal/stack"
)

// Options say which secret to replace.
type Options struct {
	// Shop is the running shop, and Root the directory of its .env.
	Shop *stack.Running
	Root string
	// Secret is its name in .env.
	Secret string
	// Settings reads .env.
	Settings func() (map[string]string, error)
	// WholeWithin is how long the stack may take to be whole again after a step. 0 means 3 minutes.
	WholeWithin time.Duration
	// Out gets one line for each step.
	Out io.Writer
}

// holder says what has to be done about one secret.
type holder struct {
	// users of Redis log in with it.
	users []string
	// renewed are the services that hold it and have to be started anew, by their names or the beginnings of these.
	renewed []string
	// tell changes it in running servers.
	tell func(*rotation, context.Context) error
}

// holders are by secret.
func holders() map[string]holder {
	return map[string]holder{
		"REDIS_API_PASSWORD":         {users: []string{"api", "api-2", "api-3"}, renewed: []string{"api-"}},
		"REDIS_EXPORTER_PASSWORD":    {users: []string{"exporter"}, renewed: []string{"redis-exporter"}},
		"REDIS_REPLICATION_PASSWORD": {users: []string{"replication"}, tell: (*rotation).tellNodes},
		"REDIS_SENTINEL_PASSWORD":    {users: []string{"sentinel"}, tell: (*rotation).tellSentinels},
		"REDIS_BOOT_PASSWORD":        {users: []string{"boot"}},
		"REDIS_BACKUP_PASSWORD":      {users: []string{"backup"}, renewed: []string{stack.BackupName}},
		"REDIS_ADMIN_PASSWORD":       {},
	}
}

// rotation is one on its way.
type rotation struct {
	Options
	holder
	settings map[string]string
	step     string
	began    time.Time
}

// Run replaces the secret and returns when the old one is refused everywhere. If it fails or is cut off, both secrets are
// accepted, the shop sells on, and a second run ends what the first began.
func Run(ctx context.Context, o Options) error {
	held, known := holders()[o.Secret]
	if !known {
		return fmt.Errorf("SECRET=%s cannot be replaced while the shop runs; docs/secrets.md says what to do", o.Secret)
	}
	if !o.Shop.RereadsSecrets() {
		return errors.New("this `make up` is of an earlier version and gives services that it starts the old secret; start it anew first")
	}
	r := &rotation{Options: o, holder: held}
	if r.WholeWithin == 0 {
		r.WholeWithin = 3 * time.Minute
	}
	for _, stage := range []func(context.Context) error{r.look, r.choose, r.accept, r.change, r.renew, r.forget} {
		if err := errors.Join(stage(ctx), ctx.Err()); err != nil {
			return fmt.Errorf("stopped at %s: %w\nThe shop sells on; run it again when the cause is removed, and it goes on", r.step, err)
		}
	}
	return nil
}

func (r *rotation) begin(step string) { r.step, r.began = step, time.Now() }

func (r *rotation) say(format string, a ...any) {
	fmt.Fprintf(r.Out, "%4.0f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, a...))
}

func (r *rotation) next() string   { return r.Secret + stack.NextEnding }
func (r *rotation) before() string { return r.Secret + stack.BeforeEnding }

// write changes .env, and goes on with what stands there then.
func (r *rotation) write(values map[string]string) error {
	if err := stack.ChangeEnv(r.Root, values); err != nil {
		return err
	}
	return r.read()
}

func (r *rotation) read() (err error) {
	if r.settings, err = r.Settings(); err != nil {
		return err
	}
	r.Shop.Adopt(r.settings)
	return nil
}

func (r *rotation) whole(ctx context.Context, within time.Duration) error {
	return operate.Await(ctx, io.Discard, within, r.Shop.Report)
}

func (r *rotation) look(ctx context.Context) error {
	r.begin("the look whether all is well")
	if err := r.read(); err != nil {
		return err
	}
	if err := r.whole(ctx, 15*time.Second); err != nil {
		return err
	}
	r.say("the stack is whole")
	return nil
}

// choose makes the new secret, unless an earlier run did.
func (r *rotation) choose(context.Context) error {
	r.begin("the new secret")
	if r.settings[r.next()] != "" || r.settings[r.before()] != "" {
		r.say("an earlier run has chosen the new secret; this one goes on with it")
		return nil
	}
	if err := r.write(map[string]string{r.next(): stack.NewSecret()}); err != nil {
		return err
	}
	r.say("a new secret stands in .env as %s", r.next())
	return nil
}

// accept has every server accept both secrets.
func (r *rotation) accept(ctx context.Context) error {
	r.begin("the second secret")
	if err := r.Shop.GrantRights(ctx); err != nil {
		return err
	}
	r.say("the Redis nodes and the Sentinels accept both secrets")
	return nil
}

// change makes the new secret the one that programs log in with.
func (r *rotation) change(context.Context) error {
	r.begin("the change in .env")
	chosen := r.settings[r.next()]
	if chosen == "" {
		return nil // an earlier run has done it
	}
	old := r.settings[r.Secret]
	if err := r.write(map[string]string{r.Secret: chosen, r.before(): old, r.next(): ""}); err != nil {
		return err
	}
	if r.settings[r.Secret] != chosen {
		return fmt.Errorf("%s comes from the environment of this command, and .env does not change it", r.Secret)
	}
	r.say("%s in .env is the new one", r.Secret)
	return nil
}

// renew has all that hold the secret take the new one.
func (r *rotation) renew(ctx context.Context) error {
	if r.tell != nil {
		r.begin("the running servers")
		if err := r.tell(r, ctx); err != nil {
			return err
		}
		if err := r.whole(ctx, r.WholeWithin); err != nil {
			return err
		}
		r.say("the running servers log in with the new secret, and the stack is whole")
	}
	for _, row := range r.renewed {
		for _, name := range r.Shop.Names(row) {
			if err := r.anew(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rotation) anew(ctx context.Context, name string) error {
	r.begin(name)
	if r.Shop.PID(name) == 0 {
		return nil // this shop does without it
	}
	limited, cancel := context.WithTimeout(ctx, r.WholeWithin)
	defer cancel()
	if err := r.Shop.Renew(limited, name); err != nil {
		return errors.Join(err, ctx.Err())
	}
	if err := r.whole(ctx, r.WholeWithin); err != nil {
		return fmt.Errorf("%w; the end of its log:\n%s", err, r.Shop.LogTail(name))
	}
	r.say("%s is made anew, and the stack is whole", name)
	return nil
}

func (r *rotation) nodes() []string     { return r.Shop.Names("redis-") }
func (r *rotation) sentinels() []string { return r.Shop.Names("sentinel-") }

// tellNodes changes who a replica is to its primary; every node may be one.
func (r *rotation) tellNodes(ctx context.Context) error {
	for _, name := range r.nodes() {
		if _, err := r.Shop.Order(ctx, name, "CONFIG", "SET", "masterauth", r.settings[r.Secret]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// tellSentinels changes who a Sentinel is to the nodes and to the other Sentinels, one after the other.
func (r *rotation) tellSentinels(ctx context.Context) error {
	secret := r.settings[r.Secret]
	for _, name := range r.sentinels() {
		for _, command := range [][]string{
			{"SENTINEL", "SET", r.settings["REDIS_MASTER_NAME"], "auth-pass", secret},
			{"SENTINEL", "CONFIG", "SET", "sentinel-pass", secret},
		} {
			if _, err := r.Shop.Order(ctx, name, command...); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if err := r.whole(ctx, r.WholeWithin); err != nil {
			return err
		}
	}
	return nil
}

// forget has every server refuse the old secret, and ends the connections that may have been opened with it.
func (r *rotation) forget(ctx context.Context) error {
	r.begin("the old secret")
	if err := r.write(map[string]string{r.before(): ""}); err != nil {
		return err
	}
	if err := r.Shop.GrantRights(ctx); err != nil {
		return err
	}
	users := r.users
	if r.Secret == "REDIS_ADMIN_PASSWORD" {
		users = []string{r.settings["REDIS_ADMIN_USER"]}
	}
	for _, name := range slices.Concat(r.sentinels(), r.nodes()) {
		for _, user := range users {
			// A server without this user has no connection of it.
			if _, err := r.Shop.Order(ctx, name, "CLIENT", "KILL", "USER", user); err != nil && !errors.Is(err, stack.ErrReply) {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if err := r.whole(ctx, r.WholeWithin); err != nil {
			return err
		}
	}
	r.say("the old secret is refused everywhere, and the connections that were opened with it are closed")
	return nil
}
