package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

// What an engine tells of its networks, shortened.
const someNetworks = `[
	{"Name": "bridge", "Id": "0b41aa3f50c4d2e7", "IPAM": {"Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]},
	 "Options": {"com.docker.network.bridge.name": "docker0"}},
	{"Name": "host", "Id": "5b2b9d2c0d1e8f77", "IPAM": {"Config": []}, "Options": {}},
	{"Name": "evergreen_shop", "Id": "93a8ce04d5c1b2aa77", "IPAM": {"Config": [{"Subnet": "172.20.0.0/24"}]}, "Options": {}},
	{"Name": "blog_default", "Id": "77aa00ff1122334455", "IPAM": {"Config": [{"Subnet": "172.21.0.0/16"}, {"Subnet": "fd00::/64"}]}, "Options": null}
]`

// And the same machine's routes: destinations and masks with the last byte first.
const someRoutes = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
br-93a8ce04d5c1	000014AC	00000000	0001	0	0	0	00FFFFFF	0	0	0
tun0	00001AAC	00000000	0001	0	0	0	0000FEFF	0	0	0
`

func TestTheContainersAddressesAreTakenWhenSomebodyElseHasThem(t *testing.T) {
	t.Parallel()
	var networks []dockerNetwork
	require.NoError(t, json.Unmarshal([]byte(someNetworks), &networks))
	host := routesIn(someRoutes)
	host["eth0"] = append(host["eth0"], netip.MustParsePrefix("192.168.7.0/24"))
	for _, row := range []struct{ wanted, own, says string }{
		{"172.20.0.0/24", "evergreen_shop", ""},
		{"172.20.0.0/24", "second_shop", "the Docker network evergreen_shop has 172.20.0.0/24"},
		{"172.20.1.0/24", "evergreen_shop", ""},
		{"172.21.9.0/24", "evergreen_shop", "the Docker network blog_default has 172.21.0.0/16"},
		{"172.17.0.0/24", "evergreen_shop", "the Docker network bridge has 172.17.0.0/16"},
		{"172.27.3.0/24", "evergreen_shop", "this machine's interface tun0 has 172.26.0.0/15"},
		{"192.168.7.0/24", "evergreen_shop", "this machine's interface eth0 has 192.168.7.0/24"},
		{"10.9.8.0/24", "evergreen_shop", ""},
	} {
		said := warning(netip.MustParsePrefix(row.wanted), holders(networks, host, row.own))
		if row.says == "" {
			require.Empty(t, said, row.wanted)
			continue
		}
		texttest.Contains(t, said, "would give the shop "+row.wanted+", and that is taken: "+row.says+".\n")
		texttest.Contains(t, said, "NET=172.31.0, ")
	}
}

func TestAPrefixThatIsProposedIsFree(t *testing.T) {
	t.Parallel()
	all := []holder{{"a", netip.MustParsePrefix("172.31.0.0/16")}, {"b", netip.MustParsePrefix("172.30.0.128/25")}}
	require.Equal(t, "172.29.0", freePrefix(all))
	all = append(all, holder{"c", netip.MustParsePrefix("172.16.0.0/12")})
	require.Empty(t, freePrefix(all))
	require.NotContains(t, warning(netip.MustParsePrefix("172.20.0.0/24"), all), "NET=")
}

func TestThisMachinesOwnRangesAreKnown(t *testing.T) {
	t.Parallel()
	require.Contains(t, hostRanges()["lo"], netip.MustParsePrefix("127.0.0.0/8"))
}

// A program that answers as Docker's does stands first in PATH.
func TestMakeEnvWarnsOfAddressesThatAreTaken(t *testing.T) {
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "docker"),
		[]byte("#!/bin/sh\ncase $2 in ls) echo a ;; *) cat <<'END'\n"+someNetworks+"\nEND\n;; esac\n"), 0o700))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	root := t.TempDir()
	l := local{root: root}
	t.Setenv("NET", "")
	t.Setenv("COMPOSE_PROJECT_NAME", "")
	require.Empty(t, l.netWarning(t.Context()), "it is the shop's own")
	t.Setenv("COMPOSE_PROJECT_NAME", "second")
	require.Contains(t, l.netWarning(t.Context()), "the Docker network evergreen_shop has 172.20.0.0/24")

	require.NoError(t, os.WriteFile(filepath.Join(root, ".env"), []byte("NET=172.21.0\n"), 0o600))
	require.Contains(t, l.netWarning(t.Context()), "the Docker network blog_default has 172.21.0.0/16")
	t.Setenv("NET", "127.30.0")
	require.Empty(t, l.netWarning(t.Context()), "that is for native processes")

	t.Setenv("NET", "172.21.0")
	require.NoError(t, os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\nexit 1\n"), 0o700))
	require.Empty(t, l.netWarning(t.Context()), "nobody answers")
}
