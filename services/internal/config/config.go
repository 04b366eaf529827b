// Package config reads the settings of an API replica from its environment.
// Every setting stands in .env.example; what is wrong with the environment is
// said all at once, and nothing starts half-configured.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"
)

// MinSecret is the least length of SECRET_KEY, in bytes.
const MinSecret = 32

// ExampleSecret is what .env.example shows for SECRET_KEY; a replica that is
// given it refuses to start, because everybody knows it.
const ExampleSecret = "example-only-make-env-writes-a-random-one-here"

// ExampleAdmin is what .env.example shows for ADMIN_EMAIL.
const ExampleAdmin = "admin@evergreen.example"

// Layout is the newest layout of the stored data that this program can write. The
// release before this one can write layouts 1 and 2.
const Layout = 3

// UserOf is the Redis user that programs of a layout log in as. Layout 1 has the name
// of the setting itself; every later one appends its number, so that one
// environment serves the programs of all layouts.
func UserOf(name string, layout int) string {
	if layout < 2 {
		return name
	}
	return name + "-" + strconv.Itoa(layout)
}

// Config is what an API replica needs to know.
type Config struct {
	// ReplicaName tells the replicas apart in X-Served-By, logs and metrics.
	ReplicaName string
	// Replicas is how many API replicas are meant to run, 2 to 16.
	Replicas int
	// Host is the address that both ports listen on.
	Host string
	// Port serves the API, MetricsPort /livez, /readyz and /metrics.
	Port, MetricsPort int
	// TrustedProxies are the addresses whose X-Forwarded-For and X-Request-Id count.
	TrustedProxies []string
	// MasterName is the Sentinels' name for the primary.
	MasterName string
	// Sentinels are host:port addresses.
	Sentinels []string
	// RedisUser and RedisPassword are for the Redis nodes, the other pair is for the
	// Sentinels: the same, unless it is set. Both names are those of UserOf.
	RedisUser, RedisPassword       string
	SentinelUser, SentinelPassword string
	// FirstLayout is the layout that an empty data set begins with, 1 to Layout.
	FirstLayout int
	// CustomerPercent is the share of Redis's maxmemory above which customers' writes that
	// make the data larger are refused; the rest is for admins.
	CustomerPercent int
	// SecretKey keys the hashes of tokens and bodies; at least MinSecret bytes.
	SecretKey []byte
	// AdminEmail and AdminPassword are the first admin's.
	AdminEmail, AdminPassword string
	LogLevel                  slog.Level
	// LogDir is where a copy of the log is kept for a collector, as ReplicaName.log; empty: nowhere.
	LogDir string
	// Reservation is how long an unpaid purchase holds its stock.
	Reservation time.Duration
	// SessionTTL is how long a session lasts after its last use.
	SessionTTL time.Duration
	// CommitDeadline bounds a write, retries and failover included.
	CommitDeadline time.Duration
	// UserRate is requests per second of one user, over all replicas.
	UserRate int
	// StrongReadRate is strong reads per second of one address without a session, over all replicas.
	StrongReadRate int
	// RequestMemory is how much memory the requests under way may hold in one replica, in MiB.
	RequestMemory int
	// SignInAddressRate and SignInAccountRate are sign-ups and logins per minute.
	SignInAddressRate, SignInAccountRate int
	// Quotas bound what customers can take of the shop.
	Quotas Quotas
	// PurgeAfter is how long a cancelled or expired purchase is kept after its last change.
	PurgeAfter time.Duration
}

// Quotas bound what one customer, and what all customers of a kind, can take. Admins are under none of them.
type Quotas struct {
	// OpenPurchases, OpenLines and OpenPieces are of the unpaid purchases of one customer.
	OpenPurchases, OpenLines, OpenPieces int
	// ProductPieces is how many pieces of one product they may hold.
	ProductPieces int
	// DayBytes and DayKeys are bytes of purchases and remembered Idempotency-Keys of one customer and day.
	DayBytes, DayKeys int
	// DaySharePercent is the share of Redis's maxmemory for what a day's writes leave beside purchases: one for
	// accounts without a paid purchase, one for all other accounts, one for sign-ups and log-ins. DayAddressPercent is
	// how much of the first and of the last an address may take.
	DaySharePercent, DayAddressPercent int
	// CoolDown is for how long a customer who let a purchase expire cannot buy its products. 0 is no cool-down.
	CoolDown time.Duration
	// SharePercent is the share of Redis's maxmemory for the unpaid purchases of accounts without a paid purchase,
	// and once more for those of all other customers.
	SharePercent int
	// AddressPercent is how much of either share the purchases from one address may take.
	AddressPercent int
}

// MinPurgeAfter is the least PURGE_AFTER: then every remembered outcome that names the purchase has ended.
const MinPurgeAfter = 48 * time.Hour

// Load reads the settings through getenv (os.Getenv in the real program). The
// error names every setting that is missing or wrong.
func Load(getenv func(string) string) (Config, error) {
	r := reader{getenv: getenv}
	c := Config{
		ReplicaName:       r.text("REPLICA_NAME", "api"),
		Replicas:          r.number("API_REPLICAS", 2, 2, 16),
		Host:              r.text("HOST", "127.0.0.1"),
		Port:              r.number("PORT", 5000, 0, 65535),
		MetricsPort:       r.number("METRICS_PORT", 9100, 0, 65535),
		TrustedProxies:    r.list("TRUSTED_PROXIES", ""),
		MasterName:        r.text("REDIS_MASTER_NAME", "evergreen"),
		Sentinels:         r.list("REDIS_SENTINEL", "required"),
		RedisUser:         UserOf(r.text("REDIS_USER", "api"), Layout),
		RedisPassword:     r.text("REDIS_PASSWORD", ""),
		SentinelUser:      UserOf(r.text("SENTINEL_USER", r.text("REDIS_USER", "api")), Layout),
		SentinelPassword:  r.text("SENTINEL_PASSWORD", r.text("REDIS_PASSWORD", "")),
		FirstLayout:       r.number("FIRST_LAYOUT", Layout, 1, Layout),
		CustomerPercent:   r.number("CUSTOMER_MEMORY_PERCENT", 95, 10, 100),
		SecretKey:         r.secret("SECRET_KEY"),
		AdminEmail:        r.email("ADMIN_EMAIL"),
		AdminPassword:     r.password("ADMIN_PASSWORD"),
		LogLevel:          r.level("LOG_LEVEL"),
		LogDir:            r.text("LOG_DIR", ""),
		Reservation:       r.duration("RESERVATION", 15*time.Minute, time.Second, 30*24*time.Hour),
		SessionTTL:        r.duration("SESSION_TTL", 12*time.Hour, time.Second, 365*24*time.Hour),
		CommitDeadline:    r.duration("COMMIT_DEADLINE", 10*time.Second, 100*time.Millisecond, 11*time.Second),
		UserRate:          r.number("RATE_USER_PER_SECOND", 100, 1, 1_000_000),
		StrongReadRate:    r.number("RATE_STRONG_READS_ADDRESS_PER_SECOND", 50, 1, 1_000_000),
		RequestMemory:     r.number("REQUEST_MEMORY_MIB", 64, 8, 65536),
		SignInAddressRate: r.number("RATE_SIGNIN_ADDRESS_PER_MINUTE", 20, 1, 1_000_000),
		SignInAccountRate: r.number("RATE_SIGNIN_ACCOUNT_PER_MINUTE", 10, 1, 1_000_000),
		Quotas:            r.quotas(),
		PurgeAfter:        r.duration("PURGE_AFTER", 30*24*time.Hour, MinPurgeAfter, 10*365*24*time.Hour),
	}
	for _, address := range c.Sentinels {
		if _, _, err := net.SplitHostPort(address); err != nil {
			r.wrong("REDIS_SENTINEL", "is a list of host:port, comma-separated")
		}
	}
	return c, errors.Join(r.errs...)
}

// Defaults names the settings whose default or example is nothing for the public,
// and says which of them were left at it. SECRET_KEY is none of them: a replica
// that is given the example's does not start.
func (c Config) Defaults() map[string]bool {
	known := func(password string) bool { return password == "" || password == ExampleSecret }
	return map[string]bool{
		"ADMIN_EMAIL":       c.AdminEmail == ExampleAdmin,
		"ADMIN_PASSWORD":    known(c.AdminPassword),
		"REDIS_PASSWORD":    known(c.RedisPassword),
		"SENTINEL_PASSWORD": known(c.SentinelPassword),
	}
}

// most is the largest value of a quota: it is above all that a shop can hold.
const most = 1_000_000_000

func (r *reader) quotas() Quotas {
	return Quotas{
		OpenPurchases:     r.number("QUOTA_OPEN_PURCHASES", 100, 1, most),
		OpenLines:         r.number("QUOTA_OPEN_LINES", 2_000, 1, most),
		OpenPieces:        r.number("QUOTA_OPEN_PIECES", 10_000, 1, most),
		ProductPieces:     r.number("QUOTA_PRODUCT_PIECES", 1_000, 1, most),
		DayBytes:          r.number("QUOTA_DAY_BYTES", 8<<20, 1_000, most),
		DayKeys:           r.number("QUOTA_DAY_KEYS", 10_000, 10, most),
		DaySharePercent:   r.number("QUOTA_DAY_SHARE_PERCENT", 5, 1, 100),
		DayAddressPercent: r.number("QUOTA_DAY_ADDRESS_PERCENT", 10, 1, 100),
		CoolDown:          r.duration("COOL_DOWN", 5*time.Minute, 0, 24*time.Hour),
		SharePercent:      r.number("QUOTA_SHARE_PERCENT", 10, 1, 100),
		AddressPercent:    r.number("QUOTA_ADDRESS_PERCENT", 50, 1, 100),
	}
}

type reader struct {
	getenv func(string) string
	errs   []error
}

func (r *reader) wrong(name, why string) { r.errs = append(r.errs, fmt.Errorf("%s %s", name, why)) }

func (r *reader) text(name, fallback string) string {
	if value := strings.TrimSpace(r.getenv(name)); value != "" {
		return value
	}
	return fallback
}

func (r *reader) list(name, required string) []string {
	var values []string
	for _, value := range strings.Split(r.getenv(name), ",") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	if required != "" && len(values) == 0 {
		r.wrong(name, "is not set")
	}
	return values
}

func (r *reader) number(name string, fallback, least, most int) int {
	text := r.text(name, strconv.Itoa(fallback))
	value, err := strconv.Atoi(text)
	if err != nil || value < least || value > most {
		r.wrong(name, fmt.Sprintf("is a whole number from %d to %d", least, most))
	}
	return value
}

func (r *reader) duration(name string, fallback, least, most time.Duration) time.Duration {
	value, err := time.ParseDuration(r.text(name, fallback.String()))
	if err != nil || value < least || value > most {
		r.wrong(name, fmt.Sprintf("is a duration such as 15m, from %v to %v", least, most))
	}
	return value
}

func (r *reader) level(name string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(r.text(name, "info"))); err != nil {
		r.wrong(name, "is one of debug, info, warn, error")
	}
	return level
}

func (r *reader) secret(name string) []byte {
	value := r.text(name, "")
	switch {
	case len(value) < MinSecret:
		r.wrong(name, fmt.Sprintf("is shorter than %d bytes; `make env` writes a random one", MinSecret))
	case value == ExampleSecret:
		r.wrong(name, "is still the example's; `make env` writes a random one")
	}
	return []byte(value)
}

func (r *reader) email(name string) string {
	value := r.text(name, "")
	if address, err := mail.ParseAddress(value); err != nil || address.Address != value {
		r.wrong(name, "is not an email address")
	}
	return value
}

func (r *reader) password(name string) string {
	value := r.getenv(name)
	if n := len([]rune(value)); n < 12 || n > 128 {
		r.wrong(name, "is not 12 to 128 characters long; `make env` writes a random one")
	}
	return value
}
