package purchases

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
)

// addressBytes is the length of an address's name before it is encoded: 48 bits tell those of a shop apart.
const addressBytes = 6

// AddressNames gives each network address a short name, by a keyed hash: the data set has no addresses.
type AddressNames struct{ secret []byte }

// NewAddressNames makes AddressNames; secret is at least 32 bytes.
func NewAddressNames(secret []byte) AddressNames { return AddressNames{secret: secret} }

// Name gives the name of an address; addresses of IPv6 that share their first 64 bits have one name, for one
// subscriber usually has all of them.
func (n AddressNames) Name(address string) string {
	if parsed, err := netip.ParseAddr(address); err == nil {
		parsed = parsed.Unmap().WithZone("")
		bits := parsed.BitLen()
		if parsed.Is6() {
			bits = 64
		}
		if prefix, err := parsed.Prefix(bits); err == nil {
			address = prefix.String()
		}
	}
	h := hmac.New(sha256.New, n.secret)
	h.Write([]byte("address of a purchase\x00" + address))
	return "a" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:addressBytes])
}
