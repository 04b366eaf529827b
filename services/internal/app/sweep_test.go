package app_test

import (
	"testing"

	"evergreen/services/internal/shoptest"
)

func TestASweepMeetsEveryPurchaseOnceWhilePurchasesChangeTheirStatus(t *testing.T) {
	admin := adminOf(t, shared)
	shoptest.Sweeps{Makers: []*shoptest.Client{admin}, Reader: admin, Product: shoptest.Product(t, admin, 1_000_000)}.Require(t, 20)
}
