package stack

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// signalGroup sends a signal to all processes of the service, if it is alive.
func (p *Process) signalGroup(signal unix.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.run.alive() {
		return fmt.Errorf("%s is down", p.Name())
	}
	return unix.Kill(-p.run.cmd.Process.Pid, signal)
}

// Pause freezes the service with SIGSTOP: its sockets stay open and silent.
func (p *Process) Pause() error { return p.signalGroup(unix.SIGSTOP) }

// Resume lets a paused service go on where it was.
func (p *Process) Resume() error { return p.signalGroup(unix.SIGCONT) }

// Kill ends the whole group with SIGKILL and returns when it is gone. It stays
// down until Restart, except under a supervisor, which starts it again: to that
// this is an accident like any other.
func (p *Process) Kill() error {
	life := p.life()
	if err := p.signalGroup(unix.SIGKILL); err != nil {
		return err
	}
	<-life.over
	return nil
}

// Terminate ends the service as its program likes to be ended and returns when
// it is gone, or with an error when ctx ends before. It stays down until
// Restart, under a supervisor too. Of a service that is down it asks nothing.
func (p *Process) Terminate(ctx context.Context) error {
	p.mu.Lock()
	p.wanted = false
	p.mu.Unlock()
	life := p.life()
	if !life.alive() {
		return nil
	}
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for {
		p.askToEnd(life)
		select {
		case <-life.over:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%s goes on after it was asked to end: %w", p.Name(), ctx.Err())
		case <-p.mayRepeat(again.C):
		}
	}
}

// mayRepeat lets Redis alone be asked again: a replica that is just writing its
// first file after a full copy forgets the request. To others a second signal
// may mean to break off what they do.
func (p *Process) mayRepeat(tick <-chan time.Time) <-chan time.Time {
	if p.service.kind == kindRedis {
		return tick
	}
	return nil
}

// askToEnd wakes the service if it is paused, since a frozen process receives
// nothing. nginx's master passes a graceful end on to its workers itself.
func (p *Process) askToEnd(life *run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !life.alive() {
		return
	}
	pid := life.cmd.Process.Pid
	if p.service.kind == kindNginx {
		_ = unix.Kill(pid, unix.SIGQUIT)
	} else {
		_ = unix.Kill(-pid, unix.SIGTERM)
	}
	_ = unix.Kill(-pid, unix.SIGCONT)
}

// Launch starts the service if it is down and waits for nothing: a test that
// starts things in an order of its own goes on with AwaitHealthy.
func (p *Process) Launch() error { return p.start() }

// Restart ends the service if it is alive, starts it and returns when it can be
// used again.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Terminate(ctx); err != nil {
		return err
	}
	if err := p.start(); err != nil {
		return err
	}
	return p.awaitReady(ctx)
}
