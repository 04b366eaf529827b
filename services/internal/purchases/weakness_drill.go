//go:build drill

package purchases

import (
	"math"
	"os"
	"slices"
	"strings"
)

// The weaknesses of this package. The names of all are in redisdb/weakness_drill.go, which reads the same setting.
const (
	noQuotas   = "no-quotas"    // nothing is counted of what customers hold
	noStockCap = "no-stock-cap" // a customer may hold any number of pieces
	noCoolDown = "no-cool-down" // a customer may buy again at once what expired or was cancelled
)

// weakened takes quotas out that the environment names.
func weakened(q Quotas) Quotas {
	names := strings.Split(os.Getenv("SHOP_WEAKNESS"), ",")
	if slices.Contains(names, noQuotas) {
		q.off = true
	}
	if slices.Contains(names, noStockCap) {
		q.ProductPieces, q.OpenPieces = math.MaxInt32, math.MaxInt32
	}
	if slices.Contains(names, noCoolDown) {
		q.CoolDown = 0
	}
	return q
}
