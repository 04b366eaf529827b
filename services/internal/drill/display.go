package drill

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"evergreen/services/internal/drill/load"
	"evergreen/services/internal/drill/report"
)

// display shows how a sitting goes on.
type display interface {
	// plan is told how many runs there are to be; it may change.
	plan(runs int)
	begin(f task)
	phase(text string)
	// counting shows what counts gives until the function that it returns is called.
	counting(counts func() load.Counts) func()
	end(run report.Run)
	// say shows a line for people.
	say(format string, a ...any)
}

// newDisplay shows a bar on a terminal, and lines alone elsewhere.
func newDisplay(w io.Writer, terminal bool) display {
	lines := &lines{out: w, begun: time.Now()}
	if !terminal {
		return lines
	}
	return &bar{lines: lines}
}

// lines is a line for each run.
type lines struct {
	out         io.Writer
	begun       time.Time
	done, total int
}

func (l *lines) plan(runs int)                      { l.total = runs }
func (l *lines) begin(task)                         {}
func (l *lines) phase(string)                       {}
func (l *lines) counting(func() load.Counts) func() { return func() {} }
func (l *lines) say(format string, a ...any)        { fmt.Fprintf(l.out, format+"\n", a...) }
func (l *lines) number() string                     { return fmt.Sprintf("[%d/%d]", l.done+1, max(l.total, l.done+1)) }

func (l *lines) end(run report.Run) {
	elapsed := time.Since(l.begun).Round(time.Second)
	l.say("%8s  %-9s %-34s %s", elapsed, l.number(), strings.TrimSpace(run.Fault+" "+run.Variant), outcome(run))
	for _, reason := range run.Reasons {
		l.say("          - %s", reason)
	}
	l.done++
}

// outcome is a run in a few words.
func outcome(run report.Run) string {
	if run.NotApplicable != "" {
		return "not applicable: " + run.NotApplicable
	}
	word := "passed"
	switch {
	case !run.Passed():
		word = "FAILED"
	case run.Red:
		word = "red, as it has to be"
	case run.Control:
		word = "green, is repeated"
	case !run.Promised:
		word = "counted"
	}
	failed, all := run.Figures.Writes.Failed+run.Figures.Reads.Failed, run.Figures.Writes.Requests+run.Figures.Reads.Requests
	return fmt.Sprintf("%s in %.0f s: %d acknowledged, %d lost, %d doubled, no writes for %.2f s, no reads for %.2f s, %d of %d requests failed",
		word, run.Took.Seconds(), run.Verdict.Acknowledged, run.Verdict.Lost, run.Verdict.Duplicated,
		run.Figures.Writes.Gap.Seconds(), run.Figures.Reads.Gap.Seconds(), failed, all)
}

// bar is the same with a bar below that moves meanwhile.
type bar struct {
	*lines
	bar *progressbar.ProgressBar

	mu         sync.Mutex
	now, doing string
}

func (b *bar) plan(runs int) {
	b.lines.plan(runs)
	if b.bar == nil {
		b.bar = progressbar.NewOptions(runs,
			progressbar.OptionSetWriter(b.out), progressbar.OptionSetWidth(20), progressbar.OptionShowCount(),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
		return
	}
	b.bar.ChangeMax(runs)
}

func (b *bar) begin(f task) {
	b.mu.Lock()
	b.now = strings.TrimSpace(f.Slug + " " + f.variant)
	b.mu.Unlock()
}

func (b *bar) phase(text string) {
	b.mu.Lock()
	b.doing = text
	b.mu.Unlock()
	b.show("")
}

func (b *bar) show(more string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bar.Describe(fmt.Sprintf("%s: %s%s", b.now, b.doing, more))
}

func (b *bar) counting(counts func() load.Counts) func() {
	quit, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				c := counts()
				b.show(fmt.Sprintf(", %d answered, %d failed", c.Answered, c.Failed))
			}
		}
	}()
	return func() { close(quit); <-over }
}

// end cannot do anything about a terminal that does not take its output.
func (b *bar) end(run report.Run) {
	_ = b.bar.Clear()
	b.lines.end(run)
	_ = b.bar.Add(1)
}

func (b *bar) say(format string, a ...any) {
	_ = b.bar.Clear()
	b.lines.say(format, a...)
}
