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

// revive starts a service again after its death, unless it was ended on purpose.
func (p *Process) revive(life *run) {
	p.mu.Lock()
	if time.Since(life.started) >= settled {
		p.deaths = 0
	}
	p.deaths++
	pause, wanted := backoff(p.deaths), p.wanted && p.run == life
	p.mu.Unlock()
	if !wanted {
		return
	}
	p.log.Warn("died, is started again", "service", p.Name(), "how", exitText(life.why), "in", pause, "log", p.logPath)
	select {
	case <-p.quit:
		return
	case <-time.After(pause):
	}
	if err := p.startIfWanted(life); err != nil {
		p.log.Error("cannot be started again", "service", p.Name(), "error", err)
	}
}

// startIfWanted leaves the service alone if somebody ended it on purpose or
// started it in the meantime.
func (p *Process) startIfWanted(after *run) error {
	p.mu.Lock()
	wanted := p.wanted && p.run == after
	p.mu.Unlock()
	if !wanted {
		return nil
	}
	return p.start()
}

func exitText(why error) string {
	if why == nil {
		return "ended by itself"
	}
	return why.Error()
}
