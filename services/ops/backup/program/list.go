package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
	"github.com/jedib0t/go-pretty/v6/table"

	"evergreen/services/ops/backup"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/target"
)

// list says which backups the targets have. A target that does not answer is said, and the others are listed.
func list(ctx context.Context, args []string, env Environment) error {
	if len(args) > 0 {
		return errUsage
	}
	settings, err := backup.Load(env.Getenv)
	if err != nil {
		return err
	}
	if len(settings.Targets) == 0 {
		return errors.New("BACKUP_TARGETS is not set; docs/backup.md explains it")
	}
	var failed error
	for _, address := range settings.Targets {
		failed = errors.Join(failed, listTarget(ctx, env.Stdout, address, settings.Credentials))
	}
	return failed
}

func listTarget(ctx context.Context, out io.Writer, address string, credentials target.Credentials) error {
	store, err := target.Open(address, credentials)
	if err != nil {
		return err
	}
	chains, err := archive.List(ctx, store)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s: %d backups\n", address, len(chains))
	rows := table.NewWriter()
	rows.SetOutputMirror(out)
	rows.SetStyle(table.StyleLight)
	rows.AppendHeader(table.Row{"backup", "full until", "shipped until", "commit", "MiB", "state"})
	for _, chain := range chains {
		from := "-"
		if chain.Full != nil {
			from = clock(chain.Full.HeartbeatMillis)
		}
		rows.AppendRow(table.Row{chain.ID, from, clock(chain.Last.HeartbeatMillis), chain.Last.Sequence, chain.Bytes >> 20, state(chain)})
	}
	if len(chains) > 0 {
		rows.Render()
	}
	for _, chain := range chains {
		for _, ignored := range chain.Ignored {
			_, _ = fmt.Fprintln(out, "ignored:", ignored)
		}
	}
	return nil
}

func clock(millis int64) string {
	if millis == 0 {
		return "-"
	}
	return time.UnixMilli(millis).UTC().Format("2006-01-02 15:04:05Z")
}

func state(chain archive.Chain) string {
	switch {
	case chain.Damage != nil:
		return "damaged: " + chain.Damage.Error()
	case !chain.Complete():
		return "incomplete"
	}
	said := "not verified"
	if chain.Verified != nil {
		said = "verified"
	}
	if chain.Broken != nil {
		said += "; usable until " + clock(chain.Last.HeartbeatMillis) + ": " + chain.Broken.Error()
	}
	return said
}

// keygen prints a private key as a file for `make restore`.
func keygen(_ context.Context, args []string, env Environment) error {
	if len(args) > 0 {
		return errUsage
	}
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(
		env.Stdout,
		"# Private key for the shop's backups, made %s. Keep it off the shop's host.\n# BACKUP_PUBLIC_KEYS=%s\n%s\n",
		time.Now().UTC().Format(time.DateOnly),
		key.Recipient(),
		key,
	)
	return err
}
