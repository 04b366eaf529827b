package purchases

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnAddressHasOneNameAndASubscribersAddressesOfIPv6ShareIt(t *testing.T) {
	names := NewAddressNames([]byte("a secret of at least 32 characters"))
	require.Equal(t, names.Name("192.0.2.1"), NewAddressNames([]byte("a secret of at least 32 characters")).Name("192.0.2.1"))
	require.Equal(t, names.Name("192.0.2.1"), names.Name("::ffff:192.0.2.1"))
	require.NotEqual(t, names.Name("192.0.2.1"), names.Name("192.0.2.2"))
	require.Equal(t, names.Name("2001:db8:1:2::1"), names.Name("2001:db8:1:2:ffff::9"))
	require.NotEqual(t, names.Name("2001:db8:1:2::1"), names.Name("2001:db8:1:3::1"))
	require.NotEqual(t, names.Name("192.0.2.1"), NewAddressNames([]byte("another secret of 32 characters!")).Name("192.0.2.1"))
	require.Regexp(t, `^a[A-Za-z0-9_-]{8}$`, names.Name("192.0.2.1"), "no kind of customers is called so")
}
