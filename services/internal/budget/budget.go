// Package budget measures what one acknowledged purchase of one line costs: commands, bytes and processor time. It compares
// the order of this version with that of the baseline, and fails when an issue has added more than it may.
package budget

import (
	"context"
	"errors"
	"fmt"

	"evergreen/services/internal/release"
	"evergreen/services/internal/stack"
)

// errOver says that the order costs more than it may.
var errOver = errors.New("the order costs more than it may")

// Run measures the order, prints the tables and judges the figures, or writes them down.
func Run(ctx context.Context, o Options) error {
	root, err := stack.Root()
	if err != nil {
		return err
	}
	book, err := readBook(root)
	if err != nil {
		return err
	}
	base, err := version(ctx, root, book.Entries[0].Commit)
	if err != nil {
		return err
	}
	present := stack.Options{}
	if o.Of != "" {
		if present, err = version(ctx, root, o.Of); err != nil {
			return err
		}
	}
	found, err := measure(ctx, o, base, present)
	if err != nil {
		return err
	}
	found.print(o.Out, book)
	if o.Record != "" {
		return book.record(root, found.entry(o.Record))
	}
	if over := book.over(found.entry("")); len(over) > 0 {
		for _, text := range over {
			fmt.Fprintln(o.Out, text)
		}
		return errOver
	}
	return nil
}

// version is a stack of another version: its program and its files.
func version(ctx context.Context, root, ref string) (stack.Options, error) {
	program, err := release.Build(ctx, root, ref, "api")
	if err != nil {
		return stack.Options{}, err
	}
	files, err := release.Files(ctx, root, ref)
	return stack.Options{APIBinary: program, Files: files}, err
}

// measure counts what the order of the present version does, and compares its processor time with that of the baseline.
func measure(ctx context.Context, o Options, base, present stack.Options) (*found, error) {
	result := &found{}
	for sitting := range o.Sittings {
		fmt.Fprintf(o.Notes, "sitting %d of %d: starting two shops\n", sitting+1, o.Sittings)
		if err := sit(ctx, o, base, present, sitting, result); err != nil {
			return nil, err
		}
		if o.CountsOnly {
			break
		}
	}
	return result, nil
}

// sit starts both shops, measures, and stops them. Every second sitting starts them in the other order.
func sit(ctx context.Context, o Options, base, present stack.Options, sitting int, result *found) (err error) {
	pair := [2]*shop{}
	for i := range pair {
		which := (i + sitting) % len(pair)
		if pair[which], err = openShop(ctx, []stack.Options{base, present}[which]); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, pair[which].close(ctx)) }()
	}
	if sitting == 0 {
		for i, s := range pair {
			if result.counts[i], err = s.count(ctx); err != nil {
				return err
			}
		}
	}
	if o.CountsOnly {
		return nil
	}
	return result.compare(ctx, o, pair)
}
