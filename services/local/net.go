package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/joho/godotenv"
)

// containersNet is the prefix of the containers' addresses unless NET says
// otherwise. It lies where Docker itself takes networks from.
const containersNet = "172.20.0"

// holder is somebody who has a range of addresses.
type holder struct {
	who   string
	holds netip.Prefix
}

// netWarning says who has the addresses that the containers want, and what to do;
// empty if nobody has, if only the shop itself has, or if there is no Docker.
func (l *local) netWarning(ctx context.Context) string {
	own, _ := godotenv.Read(filepath.Join(l.root, ".env"))
	setting := func(name, otherwise string) string {
		for _, value := range []string{os.Getenv(name), own[name], otherwise} {
			if value != "" {
				return value
			}
		}
		return ""
	}
	wanted, err := netip.ParsePrefix(setting("NET", containersNet) + ".0/24")
	// The loopback network is for native processes.
	if err != nil || wanted.Addr().IsLoopback() {
		return ""
	}
	networks, err := dockerNetworks(ctx)
	if err != nil {
		return ""
	}
	return warning(wanted, holders(networks, hostRanges(), setting("COMPOSE_PROJECT_NAME", "evergreen")+"_shop"))
}

// warning names those of the holders whose range overlaps what is wanted.
func warning(wanted netip.Prefix, all []holder) string {
	var taken []string
	for _, h := range all {
		if text := fmt.Sprintf("%s has %s", h.who, h.holds); h.holds.Overlaps(wanted) && !slices.Contains(taken, text) {
			taken = append(taken, text)
		}
	}
	if len(taken) == 0 {
		return ""
	}
	text := fmt.Sprintf("warning: docker compose would give the shop %s, and that is taken: %s.", wanted, strings.Join(taken, ", "))
	if free := freePrefix(all); free != "" {
		text += fmt.Sprintf("\nBefore `docker compose up`, set another prefix in .env, such as NET=%s, which nobody here has.", free)
	}
	return text
}

// freePrefix is a prefix that no holder has, or empty. It is not looked for in the
// ranges that most home and office networks use.
func freePrefix(all []holder) string {
	for second := 31; second >= 16; second-- {
		prefix := fmt.Sprintf("172.%d.0", second)
		free := !slices.ContainsFunc(all, func(h holder) bool {
			return h.holds.Overlaps(netip.MustParsePrefix(prefix + ".0/24"))
		})
		if free {
			return prefix
		}
	}
	return ""
}

// dockerNetwork is what `docker network inspect` tells of one, as far as it matters.
type dockerNetwork struct {
	Name string
	ID   string `json:"Id"`
	IPAM struct {
		Config []struct{ Subnet string }
	}
	Options map[string]string
}

// bridge is the name of the host's interface for the network.
func (n dockerNetwork) bridge() string {
	if name := n.Options["com.docker.network.bridge.name"]; name != "" {
		return name
	}
	return "br-" + n.ID[:min(12, len(n.ID))]
}

// dockerNetworks fails when there is no Docker, or none that answers.
func dockerNetworks(ctx context.Context) ([]dockerNetwork, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ids, err := exec.CommandContext(ctx, "docker", "network", "ls", "--quiet").Output()
	if err != nil {
		return nil, err
	}
	told, err := exec.CommandContext(ctx, "docker", append([]string{"network", "inspect"}, strings.Fields(string(ids))...)...).Output()
	if err != nil {
		return nil, err
	}
	var networks []dockerNetwork
	return networks, json.Unmarshal(told, &networks)
}

// holders lists Docker's networks but the shop's own, and the host's ranges but
// those of Docker's networks.
func holders(networks []dockerNetwork, host map[string][]netip.Prefix, own string) (all []holder) {
	bridges := map[string]bool{}
	for _, n := range networks {
		bridges[n.bridge()] = true
		for _, config := range n.IPAM.Config {
			if subnet, err := netip.ParsePrefix(config.Subnet); err == nil && n.Name != own {
				all = append(all, holder{"the Docker network " + n.Name, subnet})
			}
		}
	}
	for name, ranges := range host {
		for _, r := range ranges {
			if !bridges[name] {
				all = append(all, holder{"this machine's interface " + name, r})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b holder) int { return strings.Compare(a.who, b.who) })
	return all
}

// hostRanges are the ranges behind each of the host's interfaces: of its own
// addresses, and of its routes but the default one.
func hostRanges() map[string][]netip.Prefix {
	ranges := map[string][]netip.Prefix{}
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		addresses, _ := i.Addrs()
		for _, address := range addresses {
			if p, err := netip.ParsePrefix(address.String()); err == nil && p.Addr().Is4() {
				ranges[i.Name] = append(ranges[i.Name], p.Masked())
			}
		}
	}
	table, _ := os.ReadFile("/proc/net/route") // Linux
	for name, routes := range routesIn(string(table)) {
		ranges[name] = append(ranges[name], routes...)
	}
	return ranges
}

// routesIn reads Linux's table: a line has the interface, the destination, six
// columns of other things, and the mask, both as hexadecimal numbers in the
// machine's own order of bytes.
func routesIn(table string) map[string][]netip.Prefix {
	routes := map[string][]netip.Prefix{}
	for line := range strings.Lines(table) {
		columns := strings.Fields(line)
		if len(columns) < 8 {
			continue
		}
		destination, err := hex.DecodeString(columns[1])
		mask, err2 := hex.DecodeString(columns[7])
		if err != nil || err2 != nil || len(destination) != 4 || len(mask) != 4 {
			continue // the heading
		}
		var address [4]byte
		binary.NativeEndian.PutUint32(address[:], binary.BigEndian.Uint32(destination))
		ones := 0
		for _, b := range mask {
			for ; b != 0; b &= b - 1 {
				ones++
			}
		}
		if ones > 0 {
			routes[columns[0]] = append(routes[columns[0]], netip.PrefixFrom(netip.AddrFrom4(address), ones))
		}
	}
	return routes
}
