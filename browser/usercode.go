package browser

import (
	"net/http"
	"time"

	"qiao/storage"
)

// UserCodeLimits are what a look-up of a device's user code counts against (RFC 8628 §5.1), by the address that asks and
// in all, in an hour. Wherever a code can be tried the same limits count, so that two ways are not twice the tries.
func (g *Guard) UserCodeLimits(r *http.Request, perAddress, inAll int) []storage.Limit {
	return []storage.Limit{
		{Name: "user codes of an address", Key: g.Box.MAC("user codes", []byte(g.AddressKey(r))), Max: perAddress, Window: time.Hour},
		{Name: "user codes in all", Key: g.Box.MAC("user codes"), Max: inAll, Window: time.Hour},
	}
}
