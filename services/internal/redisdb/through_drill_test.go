//go:build drill

package redisdb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyTheListedAddressesAreDialledThroughAProxy(t *testing.T) {
	for _, row := range []struct{ name, list, address, want string }{
		{"no list", "", "127.0.0.5:6379", "127.0.0.5:6379"},
		{"a list without it", "127.0.0.6:6379=127.0.0.206:6379", "127.0.0.5:6379", "127.0.0.5:6379"},
		{"the first", "127.0.0.5:6379=127.0.0.205:6379,127.0.0.6:6379=127.0.0.206:6379", "127.0.0.5:6379", "127.0.0.205:6379"},
		{"another, after a space", "127.0.0.5:6379=127.0.0.205:6379, 127.0.0.6:6379=127.0.0.206:6379", "127.0.0.6:6379", "127.0.0.206:6379"},
		{"another port", "127.0.0.5:6379=127.0.0.205:6379", "127.0.0.5:26379", "127.0.0.5:26379"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Setenv(dialThrough, row.list)
			require.Equal(t, row.want, through(row.address))
		})
	}
}
