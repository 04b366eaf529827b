//go:build drill

package app_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/app"
	"evergreen/services/internal/config"
	"evergreen/services/internal/shoptest"
)

// astray starts one more replica beside the shared stack's two, whose clock is
// off by whatever the file says.
func astray(t *testing.T, offset string) *shoptest.Client {
	t.Helper()
	t.Setenv("SHOP_CLOCK_OFFSET", "another=1s, astray="+offset)
	settings := map[string]string{
		"SECRET_KEY": shared.Setting("SECRET_KEY"), "REDIS_SENTINEL": strings.Join(shared.Sentinels(), ","),
		"REDIS_USER": "api", "REDIS_PASSWORD": shared.Setting("REDIS_API_PASSWORD"), "REPLICA_NAME": "astray",
		"ADMIN_EMAIL": shared.Setting("ADMIN_EMAIL"), "ADMIN_PASSWORD": shared.Setting("ADMIN_PASSWORD"),
	}
	c, err := config.Load(func(name string) string { return settings[name] })
	require.NoError(t, err)
	c.Port, c.MetricsPort = freePort(t), freePort(t)
	replica, err := app.New(c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, replica.Stop(context.WithoutCancel(t.Context()))) })
	require.NoError(t, replica.Start(t.Context()))
	return shoptest.Admin(t, shared).At("http://" + net.JoinHostPort(c.Host, strconv.Itoa(c.Port)))
}

func TestAReplicaWhoseClockIsOffReservesByRedissTime(t *testing.T) {
	const off = time.Hour
	offset := filepath.Join(t.TempDir(), "offset")
	admin := astray(t, offset)
	for _, row := range []struct {
		name, file string
		off        time.Duration
	}{
		{"no file is no offset", "", 0},
		{"the clock jumps ahead while it serves", off.String(), off},
		{"and back, too far", (-off).String() + "\n", -off},
		{"what cannot be read is no offset", "soon", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.file != "" {
				require.NoError(t, os.WriteFile(offset, []byte(row.file), 0o600))
			}
			product := admin.Want(t, 201, "POST", "/v1/products",
				shoptest.Object{"name": "Clock", "price": shoptest.Euros(500), "stock": 5})
			requireNear(t, row.off, product.Text(t, "created_at"))
			purchase := admin.Want(t, 201, "POST", "/v1/purchases", shoptest.Order(product.Text(t, "id"), 1))
			requireNear(t, 0, purchase.Text(t, "created_at"))
			requireNear(t, 15*time.Minute, purchase.Text(t, "reserved_until"))
			id := uuid.MustParse(purchase.Text(t, "id"))
			made := time.Unix(id.Time().UnixTime())
			require.InDelta(t, row.off.Seconds(), time.Until(made).Seconds(), 10, "ids go by the replica's clock")
		})
	}
}

// requireNear demands that a time is so far ahead of the true one, give or take
// what a slow machine takes.
func requireNear(t *testing.T, ahead time.Duration, rendered string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, rendered)
	require.NoError(t, err)
	require.InDelta(t, ahead.Seconds(), time.Until(at).Seconds(), 10, rendered)
}
