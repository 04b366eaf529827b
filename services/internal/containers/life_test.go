//go:build containers

package containers_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/shoptest"
)

// soon is how long the stack may take until all is healthy, its images being there.
const soon = time.Minute

func TestItComesUpFromNothingHealthyWithinAMinute(t *testing.T) {
	s := whole(t)
	t.Logf("the image took %.1f s, the start %.1f s", s.image.Seconds(), s.up.Seconds())
	require.Less(t, s.up, soon)
}

func TestDownKeepsTheDataAndWithVItIsGone(t *testing.T) {
	s := whole(t)
	sold := s.sell(t)
	volumes, err := s.Volumes(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Down(t.Context()))
	kept, err := s.Volumes(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, volumes, kept)

	began := time.Now()
	require.NoError(t, s.Up(t.Context()))
	t.Logf("up again from the existing volumes in %.1f s", time.Since(began).Seconds())
	require.Less(t, time.Since(began), soon)
	sold.requireThere(t, s)
	s.heal(t)

	require.NoError(t, s.Remove(t.Context()))
	kept, err = s.Volumes(t.Context())
	require.NoError(t, err)
	require.Empty(t, kept)
	require.NoError(t, s.start(t.Context())) // with an admin who logs in anew
	s.admin.Refused(t, http.StatusNotFound, "no-purchase", "GET", "/v1/purchases/"+sold.purchase, nil)
	t.Logf("up again from nothing in %.1f s", s.up.Seconds())
	require.Less(t, s.up, soon)
}

func TestAfterARestartOfEverythingTheShopIsWhatItWas(t *testing.T) {
	s := whole(t)
	sold, before := s.sell(t), s.primaryName(t)
	began := time.Now()
	require.NoError(t, s.Restart(t.Context()))
	s.heal(t)
	t.Logf("whole again after %.1f s; %s was primary, %s is", time.Since(began).Seconds(), before, s.primaryName(t))
	sold.requireThere(t, s)
	s.sell(t).requireThere(t, s)
}

func (s *shop) primaryName(t *testing.T) string {
	t.Helper()
	primary, _ := s.primary(t)
	return primary.Name()
}

// sale is a purchase that was acknowledged.
type sale struct {
	product, purchase string
	body              []byte
}

// sell sells one piece of a new product.
func (s *shop) sell(t *testing.T) sale {
	t.Helper()
	product := shoptest.Product(t, s.admin, 5)
	a := s.admin.Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1))
	return sale{product, a.Text(t, "id"), a.Body}
}

// requireThere demands that the shop has it just as it was acknowledged.
func (k sale) requireThere(t *testing.T, s *shop) {
	t.Helper()
	a := s.admin.Current().Want(t, http.StatusOK, "GET", "/v1/purchases/"+k.purchase, nil)
	require.JSONEq(t, string(k.body), string(a.Body))
	require.EqualValues(t, 1, shoptest.LedgerOf(t, s.admin, k.product).Sold)
}
