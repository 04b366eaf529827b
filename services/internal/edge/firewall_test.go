package edge

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	// onThePage and inTheTest are how many connections one address may have.
	onThePage, inTheTest = 1000, 20
	// noAnswer is after what time a connection counts as dropped by the firewall.
	noAnswer = 500 * time.Millisecond
)

// The rules are those of docs/edge.md, as they stand there, with a smaller number.
func TestTheFirewallsRulesBoundTheConnectionsOfEachAddress(t *testing.T) {
	t.Run("nftables", func(t *testing.T) {
		clients := inNetworks(t, "nft")
		file := filepath.Join(t.TempDir(), "nftables.conf")
		require.NoError(t, os.WriteFile(file, []byte(ruleOfThePage(t, "table inet evergreen {")), 0o600))
		run(t, "nft", "-f", file)
		clients.areBounded(t, "10.9.0.1:8080", "10.9.0.2", "10.9.0.2", "10.9.0.3")
		// Of IPv6 a network of 64 bits counts as one address.
		clients.areBounded(t, "[fd00::1]:8080", "fd00::2", "fd00::3", "fd00:0:0:1::2")
	})
	t.Run("iptables", func(t *testing.T) {
		clients := inNetworks(t, "iptables")
		run(t, "sh", "-c", ruleOfThePage(t, "iptables "))
		clients.areBounded(t, "10.9.0.1:8080", "10.9.0.2", "10.9.0.2", "10.9.0.3")
	})
	t.Run("ip6tables", func(t *testing.T) {
		clients := inNetworks(t, "ip6tables")
		run(t, "sh", "-c", ruleOfThePage(t, "ip6tables "))
		clients.areBounded(t, "[fd00::1]:8080", "fd00::2", "fd00::3", "fd00:0:0:1::2")
	})
}

// network is one of a thread of its own: what it is given is done there.
type network chan func()

// inNetworks gives the test's thread, which ends with the test, a network of its own, and makes another one for clients. A cable
// joins them. On one loopback device the kernel would count what the firewall has dropped.
func inNetworks(t *testing.T, program string) network {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skip(err)
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("a network of its own: ", err)
	}
	clients := make(network)
	t.Cleanup(func() { close(clients) })
	thread := make(chan int)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the function
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			panic(err) // the test's own thread was allowed to
		}
		thread <- unix.Gettid()
		for do := range clients {
			do()
		}
	}()
	run(t, "ip", "link", "add", "shop", "type", "veth", "peer", "name", "clients", "netns", strconv.Itoa(<-thread))
	require.NoError(t, addressed("shop", "10.9.0.1/24", "fd00::1/64", "fd00:0:0:1::1/64"))
	var err error
	clients.wait(func() {
		err = addressed("clients", "10.9.0.2/24", "10.9.0.3/24", "fd00::2/64", "fd00::3/64", "fd00:0:0:1::2/64")
	})
	require.NoError(t, err)
	return clients
}

// wait has something done in the network, and waits for it.
func (n network) wait(do func()) {
	done := make(chan struct{})
	n <- func() { defer close(done); do() }
	<-done
}

// addressed gives a device of the calling thread's network its addresses, and switches it on.
func addressed(device string, addresses ...string) error {
	lines := []string{"link set " + device + " up"}
	for _, address := range addresses {
		line := "address add " + address + " dev " + device
		if strings.Contains(address, ":") {
			line += " nodad"
		}
		lines = append(lines, line)
	}
	ip := exec.Command("ip", "-batch", "-")
	ip.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	if output, err := ip.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, output)
	}
	return nil
}

// run runs a program in the network of the calling thread.
func run(t *testing.T, name string, arguments ...string) {
	t.Helper()
	output, err := exec.Command(name, arguments...).CombinedOutput()
	require.NoError(t, err, "%s: %s", name, output)
}

// ruleOfThePage is the block of the page that begins so, with the test's number in place of the page's.
func ruleOfThePage(t *testing.T, begin string) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/edge.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "```\n"+begin)
	require.True(t, found, "the page has a block that begins with %q", begin)
	rule, _, _ := strings.Cut(begin+rest, "\n```")
	number := strconv.Itoa(onThePage)
	require.Contains(t, rule, number)
	return strings.ReplaceAll(rule, number, strconv.Itoa(inTheTest))
}

// areBounded demands that one address has as many connections as it may and no more, counted with its like; that another
// one has its own; and that an ended connection makes room.
func (n network) areBounded(t *testing.T, target, one, like, other string) {
	t.Helper()
	listener, err := net.Listen("tcp", target)
	require.NoError(t, err)
	defer listener.Close()
	var held []net.Conn
	defer func() {
		for _, connection := range held {
			_ = connection.Close()
		}
	}()
	for range inTheTest {
		connection, err := n.dial(one, target, patience)
		require.NoError(t, err)
		accepted, err := listener.Accept()
		require.NoError(t, err)
		held = append(held, connection, accepted)
	}
	_, err = n.dial(like, target, noAnswer)
	var refused net.Error
	require.ErrorAs(t, err, &refused, "%s has its connections", like)
	require.True(t, refused.Timeout())
	connection, err := n.dial(other, target, patience)
	require.NoError(t, err, "%s has its own", other)
	held = append(held, connection)
	_ = held[0].Close()
	_ = held[1].Close()
	// The kernel sends the SYN again until there is room.
	connection, err = n.dial(like, target, patience)
	require.NoError(t, err, "a connection that has ended makes room")
	_ = connection.Close()
}

// dial opens a connection from an address of the network.
func (n network) dial(address, target string, timeout time.Duration) (connection net.Conn, err error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: timeout}
	n.wait(func() { connection, err = dialer.Dial("tcp", target) })
	return connection, err
}
