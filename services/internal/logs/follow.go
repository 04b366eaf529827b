package logs

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nxadm/tail"
)

// lookEvery is how often new files are looked for.
const lookEvery = 500 * time.Millisecond

// before is how many lines of what each file already has are shown first.
const before = 10

// Follow shows the last lines of every log in dir, in the order of their time, and then what is written to them, until
// ctx ends. A file that is put aside, cut short or made later is followed like any other.
func Follow(ctx context.Context, dir string, choice Choice, show func(Entry)) error {
	f := &follower{dir: dir, choice: choice, tails: map[string]*tail.Tail{}, entries: make(chan Entry), over: ctx.Done()}
	defer f.stop()
	ends, err := f.recent(show)
	if err != nil {
		return err
	}
	if err := f.look(ends); err != nil {
		return err
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-f.entries:
			show(e)
		case <-tick.C:
			if err := f.look(nil); err != nil {
				return err
			}
		}
	}
}

type follower struct {
	dir     string
	choice  Choice
	tails   map[string]*tail.Tail // by path
	entries chan Entry
	over    <-chan struct{}
}

// recent shows what the files have, and says where each of them ended.
func (f *follower) recent(show func(Entry)) (ends map[string]int64, err error) {
	files, err := Find(f.dir)
	if err != nil {
		return nil, err
	}
	ends = map[string]int64{}
	var entries []Entry
	for _, file := range files {
		if file.Rotated || !f.choice.Wants(file.Instance) {
			continue
		}
		lines, end, err := lastLines(file.Path, before)
		if err != nil {
			return nil, err
		}
		ends[file.Path] = end
		var last time.Time
		for _, line := range lines {
			e := Parse(file.Instance, line)
			if e.Time.IsZero() {
				e.Time = last // what has no time belongs to the line before
			}
			last = e.Time
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.Time.Compare(b.Time) })
	for _, e := range entries {
		if e.Level >= f.choice.Least {
			show(e)
		}
	}
	return ends, nil
}

// look begins to follow the files that are new: those in ends from there, others from their beginning.
func (f *follower) look(ends map[string]int64) error {
	files, err := Find(f.dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if file.Rotated || f.tails[file.Path] != nil || !f.choice.Wants(file.Instance) {
			continue
		}
		// Polling, as inotify's watches are few and shared by all of the machine. It is looked at four times a second.
		followed, err := tail.TailFile(file.Path, tail.Config{
			Follow: true, ReOpen: true, Poll: true, CompleteLines: true, MaxLineSize: longestLine,
			Location: &tail.SeekInfo{Offset: ends[file.Path], Whence: io.SeekStart}, Logger: tail.DiscardingLogger,
		})
		if err != nil {
			return fmt.Errorf("following %s: %w", file.Path, err)
		}
		f.tails[file.Path] = followed
		go f.pass(file.Instance, followed)
	}
	return nil
}

// pass hands on what one file says, for as long as somebody listens.
func (f *follower) pass(instance string, from *tail.Tail) {
	for line := range from.Lines {
		if line.Text == "" {
			continue
		}
		e := Parse(instance, line.Text)
		if e.Level < f.choice.Least {
			continue
		}
		select {
		case f.entries <- e:
		case <-f.over:
			return
		}
	}
}

func (f *follower) stop() {
	for _, followed := range f.tails {
		followed.Kill(nil)
	}
}
