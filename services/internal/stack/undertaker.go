package stack

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// undertakerScript reads "add PGID" and "del PGID" lines. Its input ends when
// the supervisor does, however that dies; then it kills all process groups that
// are left. A process group, because nginx's workers outlive their master. It
// ignores signals, so that Ctrl-C cannot end it before its work is done.
const undertakerScript = `
trap '' HUP INT QUIT TERM
groups=' '
while read -r verb group; do
	case $verb in
	add) groups="$groups$group " ;;
	del) case $groups in *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;; esac ;;
	esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
`

// undertaker is a child process that sees to it that no child outlives the
// supervisor, not even one that is killed by SIGKILL. Linux's parent-death
// signal would not do: it is bound to the thread that started the child, and Go
// ends threads as it likes.
type undertaker struct{ orders *os.File }

// startUndertaker starts it in a session of its own. It keeps the prefix's lock
// open, so that nobody takes the prefix while children still hold its ports.
func startUndertaker(held *os.File) (*undertaker, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	cmd := exec.Command("sh", "-c", undertakerScript)
	cmd.Stdin = reader
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{held}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		writer.Close()
		return nil, fmt.Errorf("the process that ends the others: %w", err)
	}
	go func() { _ = cmd.Wait() }()
	return &undertaker{orders: writer}, nil
}

// add must come before the group can do anything: see gate.
func (u *undertaker) add(group int) error {
	_, err := fmt.Fprintf(u.orders, "add %d\n", group)
	return err
}

// del must come before the group's leader is reaped, or its number could by then
// be another's.
func (u *undertaker) del(group int) {
	_, _ = fmt.Fprintf(u.orders, "del %d\n", group)
}

// close lets it kill what is left, and end.
func (u *undertaker) close() { _ = u.orders.Close() }

// gateScript holds a new process back until it is registered with the
// undertaker. If the supervisor dies before, the line never comes and the
// program never starts.
const gateScript = `read -r _ && exec "$@" </dev/null`

// gated wraps a command line; open lets it go.
func gated(argv []string) *exec.Cmd {
	return exec.Command("sh", append([]string{"-c", gateScript, argv[0]}, argv...)...)
}

func openGate(gate io.WriteCloser) error {
	if _, err := io.WriteString(gate, "\n"); err != nil {
		return err
	}
	return gate.Close()
}
