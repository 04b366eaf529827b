package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// pollEvery is how often a condition is looked at again while it is waited for.
const pollEvery = 50 * time.Millisecond

// sayEvery is how often somebody who waits is told what for.
const sayEvery = 5 * time.Second

// await returns when check finds nothing missing, or when ctx ends, with what
// was missing last.
func await(ctx context.Context, check func(context.Context) error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		missing := check(ctx)
		if missing == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return missing
		case <-tick.C:
		}
	}
}

// awaitReady waits for the service's condition, for startLimit at most. A
// service that nobody starts again has failed as soon as it is down.
func (p *Process) awaitReady(ctx context.Context) error {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, p.startLimit)
	defer cancel()
	said := began
	err := await(limited, func(ctx context.Context) error {
		if !p.supervise && p.PID() == 0 {
			cancel()
			return errors.New("it ended")
		}
		missing := p.ready(ctx)
		if missing != nil && time.Since(said) > sayEvery {
			said = time.Now()
			p.log.Info("still waiting", "service", p.Name(), "because", missing, "log", p.logPath)
		}
		return missing
	})
	if err == nil {
		return nil
	}
	waited := time.Since(began).Round(100 * time.Millisecond)
	return fmt.Errorf("%s is not ready after %v: %w; the end of %s:\n%s", p.Name(), waited, err, p.logPath, tail(p.logPath, 15))
}

// tail returns the last lines of a file, indented, for an error's text.
func tail(path string, lines int) string {
	const most = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return "\t" + err.Error()
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > most {
		_, _ = file.Seek(-most, io.SeekEnd)
	}
	text, _ := io.ReadAll(file)
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return "\t" + strings.Join(all[max(0, len(all)-lines):], "\n\t")
}

// redisReady: a primary that has loaded its data, or a replica that follows one.
func (s *Stack) redisReady(ctx context.Context, svc service) error {
	info, err := ask(ctx, svc.address(s.Net), s.operator(), "INFO")
	if err != nil {
		return err
	}
	state := fields(info)
	switch {
	case state["loading"] != "0":
		return errors.New("it is loading its data")
	case state["role"] == "master", state["master_link_status"] == "up":
		return nil
	}
	return fmt.Errorf("its link to its primary %s is %s", state["master_host"], state["master_link_status"])
}

// sentinelReady: it knows both replicas and both other Sentinels. One that
// doesn't could not take part in a failover.
func (s *Stack) sentinelReady(ctx context.Context, svc service) error {
	state, err := s.sentinelView(ctx, svc)
	if err != nil {
		return err
	}
	replicas, others := state["num-slaves"], state["num-other-sentinels"]
	if replicas != "2" || others != "2" {
		return fmt.Errorf("it knows %s of 2 replicas and %s of 2 other Sentinels", replicas, others)
	}
	return nil
}

// sentinelView is what one Sentinel says about the primary.
func (s *Stack) sentinelView(ctx context.Context, svc service) (map[string]string, error) {
	reply, err := ask(ctx, svc.address(s.Net), s.operator(), "SENTINEL", "MASTER", s.Setting("REDIS_MASTER_NAME"))
	return pairs(reply), err
}

// greets asks whether a mail server is there: it speaks first.
func greets(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{Timeout: askTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(askTimeout))
	greeting, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !strings.HasPrefix(greeting, "220 ") {
		err = fmt.Errorf("it greets with %q: %w", greeting, errNotReady)
	}
	if err == nil {
		_, err = io.WriteString(conn, "QUIT\r\n")
	}
	return err
}

var errNotReady = errors.New("not ready")

// answers200 asks an address of the stack over a connection of its own.
func answers200(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %w", url, answer.Status, errNotReady)
	}
	return nil
}
