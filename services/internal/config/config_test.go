package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/joho/godotenv"
	"github.com/stretchr/testify/require"
)

func environment(changes map[string]string) func(string) string {
	values := map[string]string{
		"REDIS_SENTINEL": "127.20.0.8:26379, 127.20.0.9:26379",
		"SECRET_KEY":     strings.Repeat("s", MinSecret),
		"ADMIN_EMAIL":    "admin@example.com",
		"ADMIN_PASSWORD": "correct horse battery",
	}
	for name, value := range changes {
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

func TestWhatIsNotSetHasTheDocumentedDefault(t *testing.T) {
	c, err := Load(environment(nil))
	require.NoError(t, err)
	require.Equal(t, []string{"127.20.0.8:26379", "127.20.0.9:26379"}, c.Sentinels)
	require.Equal(t, 5000, c.Port)
	require.Equal(t, 9100, c.MetricsPort)
	require.Equal(t, 15*time.Minute, c.Reservation)
	require.Equal(t, 12*time.Hour, c.SessionTTL)
	require.Equal(t, 10*time.Second, c.CommitDeadline)
	require.Equal(t, 100, c.UserRate)
	require.Equal(t, 2, c.Replicas)
	require.Equal(t, Quotas{
		OpenPurchases: 100, OpenLines: 2_000, OpenPieces: 10_000, ProductPieces: 1_000, DayBytes: 8 << 20, DayKeys: 10_000,
		CoolDown: 5 * time.Minute, SharePercent: 10, AddressPercent: 50, DaySharePercent: 5, DayAddressPercent: 10,
	}, c.Quotas)
	require.Equal(t, 30*24*time.Hour, c.PurgeAfter)
}

func TestTheSentinelsKnowTheAPIByTheSameNameUnlessItIsSaid(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want [4]string // user and password for Redis, then for Sentinel
	}{
		{map[string]string{"REDIS_PASSWORD": "p"}, [4]string{"api-3", "p", "api-3", "p"}},
		{map[string]string{"REDIS_USER": "u", "REDIS_PASSWORD": "p"}, [4]string{"u-3", "p", "u-3", "p"}},
		{map[string]string{"REDIS_PASSWORD": "p", "SENTINEL_USER": "su", "SENTINEL_PASSWORD": "sp"},
			[4]string{"api-3", "p", "su-3", "sp"}},
	} {
		got, err := Load(environment(c.set))
		require.NoError(t, err)
		require.Equal(t, c.want, [4]string{got.RedisUser, got.RedisPassword, got.SentinelUser, got.SentinelPassword})
	}
}

func TestAWrongSettingIsRefusedByName(t *testing.T) {
	for name, values := range map[string][]string{
		"SECRET_KEY":           {"", "short", ExampleSecret, strings.Repeat("s", MinSecret-1)},
		"REDIS_SENTINEL":       {"", "nonsense"},
		"ADMIN_EMAIL":          {"", "nobody", "A <a@example.com>"},
		"ADMIN_PASSWORD":       {"", "elevenchars", strings.Repeat("p", 129)},
		"PORT":                 {"http", "70000", "-1"},
		"RESERVATION":          {"15", "-1m", "1ms"},
		"COMMIT_DEADLINE":      {"20s"},
		"LOG_LEVEL":            {"loud"},
		"RATE_USER_PER_SECOND": {"0", "1.5"},
		"API_REPLICAS":         {"0", "1", "17", "two"},
		"FIRST_LAYOUT":         {"0", "4", "newest"},
	} {
		for _, value := range values {
			_, err := Load(environment(map[string]string{name: value}))
			require.ErrorContains(t, err, name, "%s=%q", name, value)
		}
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	_, err := Load(func(string) string { return "" })
	for _, name := range []string{"SECRET_KEY", "REDIS_SENTINEL", "ADMIN_EMAIL", "ADMIN_PASSWORD"} {
		require.ErrorContains(t, err, name)
	}
}

func TestTheExampleItselfRefusesToStart(t *testing.T) {
	file, err := os.Open("../../../.env.example")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	example, err := godotenv.Parse(file)
	require.NoError(t, err)
	require.Equal(t, ExampleSecret, example["SECRET_KEY"])

	_, err = Load(environment(example))
	require.ErrorContains(t, err, "SECRET_KEY is still the example's")
}

func TestADefaultThatIsUnfitForThePublicIsNamed(t *testing.T) {
	file, err := os.Open("../../../.env.example")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	example, err := godotenv.Parse(file)
	require.NoError(t, err)
	own := map[string]string{"REDIS_PASSWORD": "a password of one's own"}
	for _, row := range []struct {
		name    string
		changes map[string]string
		want    []string
	}{
		{"all of one's own", own, nil},
		{"no password for Redis", nil, []string{"REDIS_PASSWORD", "SENTINEL_PASSWORD"}},
		{"the example's", map[string]string{
			"ADMIN_EMAIL": example["ADMIN_EMAIL"], "ADMIN_PASSWORD": example["ADMIN_PASSWORD"], "REDIS_PASSWORD": example["REDIS_API_PASSWORD"],
		}, []string{"ADMIN_EMAIL", "ADMIN_PASSWORD", "REDIS_PASSWORD", "SENTINEL_PASSWORD"}},
		{"one for the Sentinels alone", map[string]string{"REDIS_PASSWORD": ExampleSecret, "SENTINEL_PASSWORD": "another"}, []string{"REDIS_PASSWORD"}},
	} {
		c, err := Load(environment(row.changes))
		require.NoError(t, err)
		var left []string
		for setting, is := range c.Defaults() {
			if is {
				left = append(left, setting)
			}
		}
		require.ElementsMatch(t, row.want, left, row.name)
		require.Len(t, c.Defaults(), 4)
	}
}

func TestTheBoundsOfASettingAreAllowedAndWhatIsPastThemIsNot(t *testing.T) {
	for name, row := range map[string]struct{ allowed, refused []string }{
		"RESERVATION":                          {[]string{"1s", "720h"}, []string{"999ms", "720h0m1s"}},
		"SESSION_TTL":                          {[]string{"1s", "8760h"}, []string{"999ms", "8760h0m1s"}},
		"COMMIT_DEADLINE":                      {[]string{"100ms", "11s"}, []string{"99ms", "11s1ms"}},
		"API_REPLICAS":                         {[]string{"2", "16"}, []string{"1", "17"}},
		"FIRST_LAYOUT":                         {[]string{"1", "3"}, []string{"0", "4"}},
		"PORT":                                 {[]string{"0", "65535"}, []string{"-1", "65536"}},
		"CUSTOMER_MEMORY_PERCENT":              {[]string{"10", "100"}, []string{"9", "101"}},
		"RATE_USER_PER_SECOND":                 {[]string{"1", "1000000"}, []string{"0", "1000001"}},
		"RATE_STRONG_READS_ADDRESS_PER_SECOND": {[]string{"1", "1000000"}, []string{"0", "1000001"}},
		"REQUEST_MEMORY_MIB":                   {[]string{"8", "65536"}, []string{"7", "65537"}},
		"RATE_SIGNIN_ADDRESS_PER_MINUTE":       {[]string{"1", "1000000"}, []string{"0", "1000001"}},
		"RATE_SIGNIN_ACCOUNT_PER_MINUTE":       {[]string{"1", "1000000"}, []string{"0", "1000001"}},
		"QUOTA_OPEN_PURCHASES":                 {[]string{"1", "1000000000"}, []string{"0", "1000000001"}},
		"QUOTA_OPEN_LINES":                     {[]string{"1", "1000000000"}, []string{"0", "1000000001"}},
		"QUOTA_OPEN_PIECES":                    {[]string{"1", "1000000000"}, []string{"0", "1000000001"}},
		"QUOTA_PRODUCT_PIECES":                 {[]string{"1", "1000000000"}, []string{"0", "1000000001"}},
		"QUOTA_DAY_BYTES":                      {[]string{"1000", "1000000000"}, []string{"999", "1000000001"}},
		"QUOTA_DAY_KEYS":                       {[]string{"10", "1000000000"}, []string{"9", "1000000001"}},
		"QUOTA_DAY_SHARE_PERCENT":              {[]string{"1", "100"}, []string{"0", "101"}},
		"QUOTA_DAY_ADDRESS_PERCENT":            {[]string{"1", "100"}, []string{"0", "101"}},
		"QUOTA_SHARE_PERCENT":                  {[]string{"1", "100"}, []string{"0", "101"}},
		"QUOTA_ADDRESS_PERCENT":                {[]string{"1", "100"}, []string{"0", "101"}},
		"COOL_DOWN":                            {[]string{"0s", "24h"}, []string{"-1s", "24h0m1s"}},
		"PURGE_AFTER":                          {[]string{"48h", "87600h"}, []string{"47h59m", "87600h0m1s"}},
		"ADMIN_PASSWORD": {
			[]string{strings.Repeat("ä", 12), strings.Repeat("ä", 128)},
			[]string{strings.Repeat("ä", 11), strings.Repeat("ä", 129)},
		},
	} {
		for _, value := range row.allowed {
			_, err := Load(environment(map[string]string{name: value}))
			require.NoError(t, err, name)
		}
		for _, value := range row.refused {
			_, err := Load(environment(map[string]string{name: value}))
			require.ErrorContains(t, err, name, value)
		}
	}
}
