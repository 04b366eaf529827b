package versions_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

func TestASweepMeetsEveryPurchaseOnceWhileTheReleaseBeforeMovesPurchasesToo(t *testing.T) {
	p := startPair(t)
	require.Eventually(t, func() bool { return p.ask(t, "HGET", "evg:migrations", "2") != "" }, 20*time.Second, 50*time.Millisecond,
		"this version has begun to list the purchases that there are")
	shoptest.Sweeps{
		Makers: []*shoptest.Client{p.before, p.now}, Reader: p.now, Product: shoptest.Product(t, p.admin, 1_000_000),
	}.Require(t, 20)
}
