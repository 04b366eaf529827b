package replay

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// NewProgress shows progress on w: as a bar on a terminal, else in plain lines,
// one for each tenth.
func NewProgress(w io.Writer, terminal bool) Progress {
	if terminal {
		return &bars{out: w}
	}
	return &plain{out: w}
}

// bars has one bar for each phase, below each other.
type bars struct {
	out io.Writer
	bar *progressbar.ProgressBar
}

func (b *bars) Begin(phase string, total int) {
	b.bar = progressbar.NewOptions(total,
		progressbar.OptionSetWriter(b.out), progressbar.OptionSetDescription(fmt.Sprintf("%-18s", phase)),
		progressbar.OptionSetWidth(30), progressbar.OptionShowCount(), progressbar.OptionThrottle(65*time.Millisecond),
		progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetRenderBlankState(true))
}

// Step cannot do anything about a terminal that does not take its output.
func (b *bars) Step() { _ = b.bar.Add(1) }

func (b *bars) End() { fmt.Fprintln(b.out) }

type plain struct {
	out io.Writer

	mu          sync.Mutex
	phase       string
	done, total int
}

func (p *plain) Begin(phase string, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase, p.done, p.total = phase, 0, total
	p.say()
}

func (p *plain) Step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if p.done*10/p.total > (p.done-1)*10/p.total {
		p.say()
	}
}

func (p *plain) End() {}

func (p *plain) say() { fmt.Fprintf(p.out, "%s: %d of %d\n", p.phase, p.done, p.total) }
