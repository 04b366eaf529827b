package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ErrNothingFound says that no log and no event knows a request.
var ErrNothingFound = errors.New("nothing was found")

// Events finds the events that a request's writes have left, as entries, and says where it has looked. Zero times mean
// from the first one, to the last one.
type Events func(ctx context.Context, request string, from, to time.Time) (found []Entry, looked string, err error)

// about is how long before its first line and after its last one a request's events are looked for. A write is held for
// 12 s at most.
const about = 30 * time.Second

// requestID is what a request's id can be: what nginx and the API make, and what a client sends as its key.
var requestID = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)

// Trace shows one request's way in the order of time: what nginx, the replicas that it asked, and whoever else named it
// have logged, each at the moment when it began with the request, and the events of its write. What was put aside of a
// log is searched too. The error is an ErrNothingFound that says where it was looked for.
func Trace(ctx context.Context, dir, request string, events Events, p *Printer) error {
	if !requestID.MatchString(request) {
		return fmt.Errorf("%q cannot be a request's id: that is 1 to 255 printable characters without spaces", request)
	}
	files, err := Find(dir)
	if err != nil {
		return err
	}
	way, err := search(ctx, files, request)
	if err != nil {
		return err
	}
	from, to := span(way)
	left, looked, err := events(ctx, request, from, to)
	if way = append(way, left...); len(way) == 0 {
		return fmt.Errorf("%w about the request %s. Searched were:\n%s  %s", ErrNothingFound, request, told(files), asked(looked, err))
	}
	slices.SortStableFunc(way, inOrder)
	first := way[0].Began()
	for _, e := range way {
		p.width = max(p.width, len(e.Instance))
	}
	fmt.Fprintf(p.out, "request %s, %s\n", request, first.Local().Format("2006-01-02 15:04:05.000 MST"))
	for _, e := range way {
		e.Text = strings.TrimSpace(strings.Replace(" "+e.Text, " request_id="+quoted(request), "", 1))
		p.line(fmt.Sprintf("%+9.3f s", e.Began().Sub(first).Seconds()), e)
	}
	if err != nil {
		fmt.Fprintf(p.out, "its events could not be looked for: %v\n", err)
	} else if len(left) == 0 {
		fmt.Fprintf(p.out, "it has left no event (%s): it changed nothing, or repeated what another request had done\n", looked)
	}
	return nil
}

// inOrder compares by when each began, to the millisecond that nginx knows. In the same one the server in front comes
// first, and the event, which only a replica can have caused, last.
func inOrder(a, b Entry) int {
	if order := a.Began().Truncate(time.Millisecond).Compare(b.Began().Truncate(time.Millisecond)); order != 0 {
		return order
	}
	return depth(a) - depth(b)
}

func depth(e Entry) int {
	switch {
	case strings.HasPrefix(e.Instance, "nginx"):
		return 0
	case strings.HasPrefix(e.Instance, "api"):
		return 1
	}
	return 2
}

// span is when a request's events may have come, as its lines tell; zero times if there are none.
func span(way []Entry) (from, to time.Time) {
	for _, e := range way {
		if began := e.Began(); from.IsZero() || began.Before(from) {
			from = began
		}
		if e.Time.After(to) {
			to = e.Time
		}
	}
	if len(way) > 0 {
		from, to = from.Add(-about), to.Add(about)
	}
	return from, to
}

// search reads all of the files. A file that vanishes meanwhile was put aside, and is found under its other name.
func search(ctx context.Context, files []File, request string) (found []Entry, err error) {
	for _, file := range files {
		in, err := os.Open(file.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		err = eachLine(in, func(line []byte) bool {
			if bytes.Contains(line, []byte(request)) {
				if e := Parse(file.Instance, string(line)); e.RequestID == request {
					found = append(found, e)
				}
			}
			return ctx.Err() == nil
		})
		in.Close()
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("%s: %w", file.Path, err)
		}
	}
	return found, nil
}

// told lists the files that were searched, one a line.
func told(files []File) string {
	if len(files) == 0 {
		return "  no log file at all: there is none\n"
	}
	var b strings.Builder
	for _, file := range files {
		since := "empty"
		if first := firstTime(file); !first.IsZero() {
			since = "from " + first.Local().Format("2006-01-02 15:04:05")
		}
		fmt.Fprintf(&b, "  %s, %s\n", file.Path, since)
	}
	return b.String()
}

// firstTime is the time of a file's first line that has one.
func firstTime(file File) (first time.Time) {
	in, err := os.Open(file.Path)
	if err != nil {
		return first
	}
	defer in.Close()
	_ = eachLine(in, func(line []byte) bool {
		first = Parse(file.Instance, string(line)).Time
		return first.IsZero()
	})
	return first
}

func asked(looked string, err error) string {
	if err != nil {
		return "the events, which could not be asked: " + err.Error()
	}
	return looked
}
