//go:build drill

package redisdb

import (
	"os"
	"strings"
)

// dialThrough names the environment variable that lists which addresses are
// dialled through a proxy: "host:port=proxy:port,host:port=proxy:port".
const dialThrough = "SHOP_DIAL_THROUGH"

// through gives the proxy that stands before a Redis node or a Sentinel, or the
// node's own address where none does. It reads the environment at each dialling,
// for connections are few and there is then nothing to be set up.
func through(address string) string {
	for pair := range strings.SplitSeq(os.Getenv(dialThrough), ",") {
		if node, proxy, both := strings.Cut(strings.TrimSpace(pair), "="); both && node == address {
			return proxy
		}
	}
	return address
}
