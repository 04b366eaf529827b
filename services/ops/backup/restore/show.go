package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/purchases"
	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/redisnode"
)

// Shown is the past state of one object.
type Shown struct {
	Object string `json:"object"`
	// Backup is where it was found, At the last sign of life of the shop before that state, Commit its commit sequence.
	Backup string `json:"backup"`
	At     string `json:"at"`
	Commit int64  `json:"commit"`
	// State is the object, as the API shows it.
	State jsontext.Value `json:"state"`
	// Ledger is a product's account.
	Ledger map[string]string `json:"ledger,omitempty"`
}

// ErrNoObject says that the object was not there then.
var ErrNoObject = errors.New("the shop did not have it then")

// Show prints the state of one object, such as product:ID, purchase:ID or user:ID, as the backups have it. It asks no shop
// and changes none. dir is for scratch files.
func Show(ctx context.Context, backups Backups, dir, object string, wanted Wanted, out io.Writer) error {
	kind, id, _ := strings.Cut(object, ":")
	read, known := map[string]func(context.Context, *redisnode.Node, string) (Shown, error){
		"product": showProduct, "purchase": showPurchase, "user": showUser,
	}[kind]
	if !known || id == "" || strings.Contains(id, ":") {
		return fmt.Errorf("%.100q names no object: product:ID, purchase:ID or user:ID", object)
	}
	scratchDir, remove, err := workDir(dir)
	if err != nil {
		return err
	}
	defer remove()
	p, err := backups.fetch(ctx, scratchDir, wanted, func(string, ...any) {})
	if err != nil {
		return err
	}
	defer p.close()
	shown, err := read(ctx, p.server.Node(), id)
	if err != nil {
		return fmt.Errorf("%s in %s: %w", object, p.what, err)
	}
	shown.Object, shown.Backup = object, strings.TrimPrefix(p.what, "the backup ")
	shown.At, shown.Commit = momentOf(p.report.HeartbeatMillis), p.report.CommitSeq
	if err := json.MarshalWrite(out, shown, json.Deterministic(true), jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out)
	return err
}

// fieldsOf reads an object's hash.
func fieldsOf(ctx context.Context, node *redisnode.Node, key string) (map[string]string, error) {
	fields, err := node.Hash(ctx, key)
	if err == nil && len(fields) == 0 {
		err = ErrNoObject
	}
	return fields, err
}

func showProduct(ctx context.Context, node *redisnode.Node, id string) (Shown, error) {
	fields, err := fieldsOf(ctx, node, redisdb.KeyProduct(id))
	if err != nil {
		return Shown{}, err
	}
	ledger := map[string]string{}
	for _, name := range []string{"initial", "adjusted", "sold", "returned", "stock"} {
		ledger[name] = fields[name]
	}
	return Shown{State: jsontext.Value(fields["body"]), Ledger: ledger}, nil
}

func showPurchase(ctx context.Context, node *redisnode.Node, id string) (Shown, error) {
	fields, err := fieldsOf(ctx, node, redisdb.KeyPurchase(id))
	if err != nil {
		return Shown{}, err
	}
	text, err := purchases.Show(id, fields)
	return Shown{State: text}, err
}

// showUser leaves out what nobody may read.
func showUser(ctx context.Context, node *redisnode.Node, id string) (Shown, error) {
	fields, err := fieldsOf(ctx, node, redisdb.KeyUser(id))
	if err != nil {
		return Shown{}, err
	}
	maps.DeleteFunc(fields, func(name, _ string) bool { return name == "password" || name == "seed" })
	text, err := json.Marshal(fields, json.Deterministic(true))
	return Shown{State: text}, err
}
