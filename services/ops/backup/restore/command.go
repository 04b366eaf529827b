package restore

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"evergreen/services/internal/stack"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/scratch"
	"evergreen/services/ops/backup/target"
	"evergreen/services/ops/redisnode"
)

// Environment is what a command is given besides its arguments.
type Environment struct {
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// ErrUsage says that the command line is not understood.
var ErrUsage = errors.New("usage")

// Usage describes the commands and their flags.
const Usage = `usage: backup restore [-from TARGET] [-key FILE] [-chain ID] [-at TIME | -sequence N] [-force] [-end-sessions] [-yes]
       backup undo [-end-sessions] [-yes]
       backup show [-from TARGET] [-key FILE] [-chain ID] [-at TIME | -sequence N] product:ID | purchase:ID | user:ID

  -from          a directory, or s3://HOST/BUCKET; otherwise the targets of BACKUP_TARGETS
  -key           the file with the private key, as make backup-key writes it; otherwise BACKUP_PRIVATE_KEY has it
  -chain         the id of a backup, as make backup-list shows it; otherwise the newest one that has the wanted state
  -at            the moment before which everything is kept and after which nothing is: 2026-01-02T15:04:05Z
  -sequence      the number of the last commit that is kept
  -force         takes data that do not add up, and says what is wrong with them
  -end-sessions  has all users log in again
  -yes           does not ask
`

// asked is what a command line asks for.
type asked struct {
	from, key, at    string
	wanted           Wanted
	yes, endSessions bool
	rest             []string
}

func parse(name string, args []string) (asked, error) {
	var a asked
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&a.yes, "yes", false, "")
	flags.BoolVar(&a.endSessions, "end-sessions", false, "")
	if name != "undo" {
		flags.StringVar(&a.from, "from", "", "")
		flags.StringVar(&a.key, "key", "", "")
		flags.StringVar(&a.wanted.Chain, "chain", "", "")
		flags.StringVar(&a.at, "at", "", "")
		flags.Int64Var(&a.wanted.Sequence, "sequence", 0, "")
	}
	if name == "restore" {
		flags.BoolVar(&a.wanted.Force, "force", false, "")
	}
	if err := flags.Parse(args); err != nil {
		return a, fmt.Errorf("%w: %w\n%s", ErrUsage, err, Usage)
	}
	a.rest = flags.Args()
	if a.wanted.Sequence < 0 || a.wanted.Sequence > 0 && a.at != "" {
		return a, fmt.Errorf("%w: -at and -sequence exclude each other, and a sequence is positive\n%s", ErrUsage, Usage)
	}
	var err error
	if a.at != "" {
		a.wanted.At, err = ParseMoment(a.at)
	}
	return a, err
}

// ParseMoment reads a moment: RFC 3339, or a date and time of UTC such as 2026-01-02 15:04.
func ParseMoment(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %q is no moment, such as 2026-01-02T15:04:05Z", ErrUsage, text)
}

// Run runs restore, undo or show.
func Run(ctx context.Context, name string, args []string, env Environment) error {
	a, err := parse(name, args)
	if err != nil {
		return err
	}
	if name == "show" && len(a.rest) != 1 || name != "show" && len(a.rest) > 0 {
		return fmt.Errorf("%w\n%s", ErrUsage, Usage)
	}
	dir := env.Getenv("RESTORE_DIR")
	if dir == "" {
		return errors.New("RESTORE_DIR is missing: the directory for scratch files, and for the data that a restore keeps aside")
	}
	backups, err := a.backups(env, name != "undo")
	if err != nil {
		return err
	}
	if name == "show" {
		return Show(ctx, backups, dir, a.rest[0], a.wanted, env.Stdout)
	}
	shop, err := shopOf(env.Getenv)
	if err != nil {
		return err
	}
	return a.restore(ctx, name, env, shop, backups, dir)
}

func (a asked) restore(ctx context.Context, name string, env Environment, shop Shop, backups Backups, dir string) error {
	began := time.Now()
	r := Restorer{Shop: shop, Backups: backups, Dir: dir, EndSessions: a.endSessions,
		Say: func(format string, args ...any) {
			fmt.Fprintf(env.Stdout, "%6.1f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
		},
		Ask: Terminal(env.Stdin, env.Stdout, isTerminal(env.Stdin), a.yes),
	}
	var result Result
	var err error
	if name == "undo" {
		result, err = r.Undo(ctx)
	} else {
		result, err = r.Restore(ctx, a.wanted)
	}
	if err != nil {
		return err
	}
	if result.Lost != (Lost{}) {
		fmt.Fprintf(env.Stdout, "%d purchases were lost, and %d have lost changes: %s lists them.\n",
			result.Lost.Purchases, result.Lost.Changes, result.LostFile)
	}
	fmt.Fprintln(env.Stdout, "Undo it with: make restore-undo")
	return AwaitAPI(ctx, shop, func(said string) { r.Say("%s", said) })
}

// apiWithin is how long the API replicas may take to begin with the new data.
const apiWithin = time.Minute

// AwaitAPI waits until the shop can sell again with all its API replicas. They end and are started anew, because their data are
// others.
func AwaitAPI(ctx context.Context, shop Shop, say func(string)) error {
	ctx, cancel := context.WithTimeout(ctx, apiWithin)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		report := shop.Look(ctx)
		down := apiDown(report)
		if len(report.Missing) == 0 && len(down) == 0 {
			say("the shop can sell")
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf(
				"the data are restored, and the shop is not whole yet: it lacks %s",
				strings.Join(append(report.Missing, down...), ", "),
			)
		case <-tick.C:
		}
	}
}

// apiDown names the API replicas that are not ready.
func apiDown(report stack.Report) (down []string) {
	for _, state := range report.Services {
		if stack.InRow(state.Name, "api-") && !state.Up {
			down = append(down, state.Name)
		}
	}
	return down
}

func isTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// backups opens the targets and reads the private key.
func (a asked) backups(env Environment, needed bool) (Backups, error) {
	b := Backups{Limits: scratch.Limits{Program: env.Getenv("REDIS_SERVER")}}
	if mib := env.Getenv("BACKUP_SCRATCH_MIB"); mib != "" {
		n, err := strconv.ParseInt(mib, 10, 32)
		if err != nil || n < 0 {
			return b, fmt.Errorf("BACKUP_SCRATCH_MIB=%s is no number of MiB", mib)
		}
		b.Limits.MemoryBytes = n << 20
	}
	if !needed {
		return b, nil
	}
	var err error
	if b.Identities, err = identities(a.key, env.Getenv("BACKUP_PRIVATE_KEY")); err != nil {
		return b, err
	}
	addresses := strings.FieldsFunc(cmp.Or(a.from, env.Getenv("BACKUP_TARGETS")), func(r rune) bool { return r == ',' || r == ' ' })
	credentials := target.Credentials{AccessKey: env.Getenv("BACKUP_S3_ACCESS_KEY"), SecretKey: env.Getenv("BACKUP_S3_SECRET_KEY")}
	for _, address := range addresses {
		if a.from != "" && !strings.Contains(address, "://") { // relative to where the command was called
			if address, err = filepath.Abs(address); err != nil {
				return b, err
			}
		}
		store, err := target.Open(address, credentials)
		if err != nil {
			return b, err
		}
		b.Stores = append(b.Stores, store)
	}
	if len(b.Stores) == 0 {
		return b, errors.New("FROM names no target, and BACKUP_TARGETS has none")
	}
	return b, nil
}

// identities reads the private key from a file, or from the text that the environment has.
func identities(path, text string) ([]age.Identity, error) {
	switch {
	case path == "" && text == "":
		return nil, errors.New("the private key is missing: KEY names its file")
	case path == "":
		return archive.ParseIdentities(strings.NewReader(text))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return archive.ParseIdentities(file)
}

// shopOf knows the running shop by the settings that the operator's program has in containers, too.
func shopOf(getenv func(string) string) (Shop, error) {
	settings := map[string]string{}
	for _, name := range []string{"NET", "REDIS_MASTER_NAME", "REDIS_ADMIN_USER", "REDIS_ADMIN_PASSWORD"} {
		if settings[name] = getenv(name); settings[name] == "" {
			return Shop{}, fmt.Errorf("%s is missing", name)
		}
	}
	replicas, err := strconv.Atoi(cmp.Or(getenv("API_REPLICAS"), "2"))
	if err != nil || replicas < 2 || replicas > 16 {
		return Shop{}, fmt.Errorf("API_REPLICAS=%s is not a number from 2 to 16", getenv("API_REPLICAS"))
	}
	return Shop{
		Look: func(ctx context.Context) stack.Report {
			return stack.InspectContainers(ctx, settings["NET"], replicas, settings)
		},
		Login: redisnode.Login{User: settings["REDIS_ADMIN_USER"], Password: settings["REDIS_ADMIN_PASSWORD"]},
	}, nil
}
