package browser_test

import (
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"qiao/browser"
	"qiao/storage"
	"qiao/storage/seal"
)

// One customer is one key: an IPv4 address, or the /64 that an IPv6 customer has. The key does not tell the address.
func TestAddressKey(t *testing.T) {
	box, err := seal.New(make([]byte, 32))
	require.NoError(t, err)
	guard := &browser.Guard{
		Issuer: &url.URL{Scheme: "https", Host: "id.example"}, Box: box,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	}
	key := func(remote, forwarded string) string {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", forwarded)
		return guard.AddressKey(r)
	}
	require.Equal(t, key("192.0.2.1:1", ""), key("192.0.2.1:2", "198.51.100.1"), "a stranger's header is ignored")
	require.NotEqual(t, key("192.0.2.1:1", ""), key("192.0.2.2:1", ""))
	require.Equal(t, key("192.0.2.1:1", ""), key("[::ffff:192.0.2.1]:1", ""))
	require.Equal(t, key("192.0.2.1:1", ""), key("10.0.0.1:1", "203.0.113.7, 192.0.2.1"))
	require.Equal(t, key("[2001:db8:1:2::1]:1", ""), key("[2001:db8:1:2:ffff::9]:1", ""))
	require.NotEqual(t, key("[2001:db8:1:2::1]:1", ""), key("[2001:db8:1:3::1]:1", ""))
	require.NotContains(t, key("192.0.2.1:1", ""), "192")
	require.NotEmpty(t, key("", ""))
}

// The network of a login is the /24 or the /48; where everybody would be in the same one, it is none.
func TestNetwork(t *testing.T) {
	box, err := seal.New(make([]byte, 32))
	require.NoError(t, err)
	guard := &browser.Guard{
		Issuer: &url.URL{Scheme: "https", Host: "id.example"}, Box: box,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	}
	network := func(remote, forwarded string) storage.Hash {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		return guard.Network(r)
	}
	home := network("192.0.2.1:1", "")
	require.False(t, home.IsZero())
	for name, same := range map[string]storage.Hash{
		"the /24": network("192.0.2.255:9", ""), "mapped": network("[::ffff:192.0.2.7]:1", ""), "behind a proxy": network("10.0.0.1:1", "203.0.113.7, 192.0.2.9"),
	} {
		require.Equal(t, home, same, name)
	}
	require.NotEqual(t, home, network("192.0.3.1:1", ""))
	require.Equal(t, network("[2001:db8:1:2::1]:1", ""), network("[2001:db8:1:ffff::9]:1", ""), "the /48")
	require.NotEqual(t, network("[2001:db8:1::1]:1", ""), network("[2001:db8:2::1]:1", ""))
	for name, none := range map[string]storage.Hash{
		"no address": network("", ""), "a proxy that nobody named": network("192.0.2.1:1", "198.51.100.1"), "no peer": network("@", "192.0.2.1"),
	} {
		require.True(t, none.IsZero(), name)
	}
}
