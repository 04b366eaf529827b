package drill

import (
	"context"
	"os"
	"path/filepath"

	"evergreen/services/internal/stack"
)

// Process is one service of the shop, whatever runs it: a process of this machine
// or a container.
type Process interface {
	// Name is the service's, such as "redis-1"; Addr the ip:port that its clients use.
	Name() string
	Addr() string
	// Kill ends it at once, and returns when it is gone; it stays down until Launch.
	Kill() error
	// Pause freezes it: its sockets stay open and silent. Resume lets it go on.
	Pause() error
	Resume() error
	// Launch starts it if it is down, and waits for nothing; Restart has it end as its
	// program likes to, starts it, and returns when it can be used again.
	Launch() error
	Restart(ctx context.Context) error
}

// Stack is what runs a shop whose processes the drill has a hold on.
type Stack interface {
	// Process is the one of that name, or nil; Processes are all.
	Process(name string) Process
	Processes() []Process
	// Setting is a value of .env as this stack uses it; empty for one that nobody knows.
	Setting(name string) string
	// Redis sends one command to a Redis node or a Sentinel, as the operator, and gives
	// the reply as text, nested replies one element a line.
	Redis(ctx context.Context, name string, command ...string) (string, error)
	// Primary is the node that two Sentinels name. AwaitPrimary returns it once it says
	// so itself, too, and accept takes it.
	Primary(ctx context.Context) (string, error)
	AwaitPrimary(ctx context.Context, accept func(name string) bool) (string, error)
	// AwaitHealthy returns when every service that is up can be used.
	AwaitHealthy(ctx context.Context) error
	// Inspect asks every service what it is, and gives the node that two Sentinels name,
	// too, or "".
	Inspect(ctx context.Context) (states []stack.State, primary string)
	// Handover makes another node primary while the shop sells; say is told what happens.
	Handover(ctx context.Context, say func(format string, a ...any)) error
	// Empty removes the data of a Redis node that is down.
	Empty(ctx context.Context, node string) error
}

// native is a stack of processes of this machine.
type native struct{ *stack.Stack }

// Process gives no nil pointer for a service that there is not, but nil.
func (n native) Process(name string) Process {
	if p := n.Stack.Process(name); p != nil {
		return p
	}
	return nil
}

// Processes lists them in the order of their start.
func (n native) Processes() []Process {
	var all []Process
	for _, p := range n.Stack.Processes() {
		all = append(all, p)
	}
	return all
}

// Inspect asks the services of this stack.
func (n native) Inspect(ctx context.Context) ([]stack.State, string) {
	settings := map[string]string{}
	for _, name := range neededSettings() {
		settings[name] = n.Setting(name)
	}
	report := stack.Inspect(ctx, n.Net, n.Dir(), settings)
	return report.Services, report.Primary
}

// Empty removes what the node has on disk.
func (n native) Empty(_ context.Context, node string) error {
	return os.RemoveAll(filepath.Join(n.Dir(), node, "data"))
}

// pid is the process id of a native process; 0 if it is down, or in a container.
func pid(p Process) int {
	if numbered, is := p.(interface{ PID() int }); is {
		return numbered.PID()
	}
	return 0
}
