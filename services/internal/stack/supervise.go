package stack

import "time"

const (
	firstBackoff = 200 * time.Millisecond
	lastBackoff  = 10 * time.Second
	// settled is how long a service runs until its earlier deaths are forgotten.
	settled = 30 * time.Second
)

// backoff is the pause before the next start after so many deaths in a row,
// each soon after its start.
func backoff(deaths int) time.Duration {
	pause := firstBackoff
	for range deaths - 1 {
		if pause *= 2; pause >= lastBackoff {
			return lastBackoff
		}
	}
	return pause
}

// revive starts a service again after its death, unless it was ended on purpose
// or somebody started it in the meantime. A start that fails (the disk is full,
// say) is tried again, too.
func (p *Process) revive(life *run) {
	p.mu.Lock()
	// A process that ends by itself and well, as the API does when its data were replaced, has not died.
	if life.ended.Sub(life.started) >= settled || life.why == nil {
		p.deaths = 0
	}
	p.mu.Unlock()
	for p.pause(life) {
		err := p.start()
		if err == nil {
			return
		}
		p.log.Error("cannot be started again", "error", err)
	}
}

// pause waits before the next start and says whether it is still wanted.
func (p *Process) pause(after *run) bool {
	p.mu.Lock()
	p.deaths++
	pause, wanted := backoff(p.deaths), p.isWanted(after)
	p.mu.Unlock()
	if !wanted {
		return false
	}
	p.log.Warn("died, is started again", "service", p.Name(), "how", exitText(after.why), "in", pause, "log", p.logPath)
	select {
	case <-p.quit:
		return false
	case <-time.After(pause):
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isWanted(after)
}

func (p *Process) isWanted(after *run) bool { return p.wanted && p.run == after }

func exitText(why error) string {
	if why == nil {
		return "ended by itself"
	}
	return why.Error()
}
