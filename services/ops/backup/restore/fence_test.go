package restore_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/shoptest"
	"evergreen/services/ops/backup/reconcile"
	"evergreen/services/ops/backup/restore"
	"evergreen/services/ops/redisnode"
)

// A restore is stopped for a while, and goes on after another one has taken its place and has opened the shop.
func TestARestoreThatGoesOnAfterAnotherHasEndedChangesNothing(t *testing.T) {
	v := newVault(t)
	s := startShop(t)
	admin := shoptest.Admin(t, s)
	product := shoptest.Product(t, admin, 100)
	v.full(t, s)
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	redis := func(command ...string) string {
		reply, err := s.Redis(t.Context(), primary, command...)
		require.NoError(t, err)
		return reply
	}
	schema := redis("GET", redisdb.KeySchema())
	for _, step := range []string{"the present data are kept", "are loaded"} {
		purchase := admin.Current().Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1)).Text(t, "id")
		r := restorer(t, s, v)
		var was string
		r.Say = func(format string, a ...any) {
			t.Logf(format, a...)
			if strings.Contains(fmt.Sprintf(format, a...), step) {
				redis("DEL", redisdb.KeyRestore())
				redis("SET", redisdb.KeySchema(), schema)
				was = redis("GET", redisdb.KeyHistory())
			}
		}
		_, err := r.Restore(t.Context(), restore.Wanted{})
		require.ErrorIs(t, err, redisnode.ErrFenced, step)
		require.NotContains(t, err.Error(), "The shop is closed")
		require.Equal(t, was, redis("GET", redisdb.KeyHistory()), step)
		require.Equal(t, schema, redis("GET", redisdb.KeySchema()), step)
		restored(t, s)
		if step == "the present data are kept" {
			admin.Current().Want(t, http.StatusOK, "GET", "/v1/purchases/"+purchase, nil)
		}
	}
}

func TestDataThatDoNotAddUpAreRestoredOnlyByForceAndAlwaysByUndo(t *testing.T) {
	v := newVault(t)
	s := startShop(t)
	admin := shoptest.Admin(t, s)
	product := shoptest.Product(t, admin, 100)
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	_, err = s.Redis(t.Context(), primary, "HINCRBY", redisdb.KeyProduct(product), "sold", "5")
	require.NoError(t, err)
	beat(t, s)
	v.full(t, s)
	r := restorer(t, s, v)
	_, err = r.Restore(t.Context(), restore.Wanted{})
	require.ErrorIs(t, err, reconcile.ErrWrong)
	var plan string
	r.Ask = func(text string) error { plan = text; return nil }
	_, err = r.Restore(t.Context(), restore.Wanted{Force: true})
	require.NoError(t, err)
	require.Contains(t, plan, "do not add up", "it asks with what is wrong")
	restored(t, s)
	_, err = r.Undo(t.Context())
	require.NoError(t, err)
	require.Contains(t, plan, "do not add up")
	restored(t, s)
}

// On a new host a restore is cut off after it has deleted the empty shop's data. The next one leaves the empty shop's own backup
// out, too, and repeats no version.
func TestARestoreThatWasCutOffOnANewHostTakesTheSameBackupAndRepeatsNoVersion(t *testing.T) {
	v := newVault(t)
	lost := startShop(t)
	product := shoptest.Product(t, shoptest.Admin(t, lost), 100)
	v.full(t, lost)
	require.NoError(t, lost.Stop(t.Context()))
	s := startShop(t)
	empty := *v
	empty.full(t, s)
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	_, err = s.Redis(t.Context(), primary, "SET", redisdb.KeyRestores(), "7")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	r := restorer(t, s, v)
	r.Say = func(format string, _ ...any) {
		if strings.Contains(format, "are loaded") {
			_, err := s.Redis(t.Context(), primary, "DEL", redisdb.KeyRestores())
			require.NoError(t, err, "it was not loaded yet")
			cancel()
		}
	}
	_, err = r.Restore(ctx, restore.Wanted{})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "The shop is closed")
	_, err = s.Redis(t.Context(), primary, "HSET", redisdb.KeyRestore(), "seen", "0") // 15 s later
	require.NoError(t, err)
	_, err = restorer(t, s, v).Restore(t.Context(), restore.Wanted{})
	require.NoError(t, err)
	restored(t, s)
	answer := shoptest.Admin(t, s).Want(t, http.StatusOK, "GET", "/v1/products/"+product, nil)
	require.Contains(t, string(answer.Body), `"version":8000000001`)
}

func TestAShopThatIsOpenIsNotCalledClosedWhenALaterStepFails(t *testing.T) {
	v := newVault(t)
	s := startShop(t)
	admin := shoptest.Admin(t, s)
	product := shoptest.Product(t, admin, 100)
	v.full(t, s)
	primary, err := s.Primary(t.Context())
	require.NoError(t, err)
	replica := "redis-1"
	if primary == replica {
		replica = "redis-2"
	}
	r := restorer(t, s, v)
	r.Say = func(format string, _ ...any) {
		if strings.Contains(format, "are loaded") {
			_, err := s.Redis(t.Context(), replica, "ACL", "SETUSER", login(s).User, "-acl")
			require.NoError(t, err)
		}
	}
	_, err = r.Restore(t.Context(), restore.Wanted{})
	require.ErrorIs(t, err, restore.ErrOpened)
	require.ErrorContains(t, err, "the data are restored")
	require.ErrorContains(t, err, "ACL USERS")
	require.NotContains(t, err.Error(), "The shop is closed")
	restored(t, s)
	admin.Current().Want(t, http.StatusCreated, "POST", "/v1/purchases", shoptest.Order(product, 1))
}
