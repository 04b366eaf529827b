// Package app wires one API replica together: New builds it, Start lets it
// serve, Stop drains it. The program in services/api only adds the environment
// and the signals.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/config"
	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/migrations"
	"evergreen/services/internal/openapi"
	"evergreen/services/internal/products"
	"evergreen/services/internal/purchases"
	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/sessions"
	"evergreen/services/internal/users"
	"evergreen/services/internal/web"
)

// How long things may take at the start and the end.
const (
	// openAfter is when the API's port opens at the latest. A replica that
	// restarts is ready sooner, and until then nginx asks the other one instead
	// of being told 503; one that waits for Redis says so.
	openAfter = 5 * time.Second
	// setupPause is the pause between two tries to prepare the shop.
	setupPause = 250 * time.Millisecond
	// drainTimeout is how long requests in flight are waited for: the deadline of
	// a write and then some.
	drainTimeout = 12 * time.Second
	// succession is the time between the ends of two replicas after a restore: longer than a replica needs to end, and to
	// answer again after its supervisor's first pause.
	succession = 2 * time.Second
)

// App is one API replica.
type App struct {
	config  config.Config
	log     *slog.Logger
	metrics metrics
	db      *redisdb.DB
	users   *users.Store
	sweeper *purchases.Sweeper
	purger  *purchases.Purger
	// reserved looks at the stock that unpaid purchases hold.
	reserved *purchases.ReservedWatch
	migrate  *migrations.Runner
	api      *http.Server
	health   *http.Server

	ready    atomic.Bool // the admin exists and can log in
	opened   atomic.Bool // the API's port is open
	draining atomic.Bool
	stopped  atomic.Bool
	started  bool

	stopSetup context.CancelFunc
	failed    chan error
	ended     chan struct{}
}

// New builds a replica; nothing runs and nothing listens yet.
func New(c config.Config, log *slog.Logger) (*App, error) {
	gin.SetMode(gin.ReleaseMode)
	log = log.With("replica", c.ReplicaName)
	a := &App{config: c, log: log, metrics: newMetrics(c), failed: make(chan error, 2), ended: make(chan struct{})}
	a.db = redisdb.New(redisdb.Settings{
		MasterName: c.MasterName, Sentinels: c.Sentinels, User: c.RedisUser, Password: c.RedisPassword,
		SentinelUser: c.SentinelUser, SentinelPassword: c.SentinelPassword, Deadline: c.CommitDeadline,
		Replica: c.ReplicaName, Replicas: c.Replicas, FirstLayout: c.FirstLayout, CustomerMemoryPercent: c.CustomerPercent,
		Unmetered: unmetered(c.ReplicaName),
	}, a.metrics.registry, log)
	router, err := a.build()
	if err != nil {
		return nil, err
	}
	a.api = server(c.Host, c.Port, router, log)
	a.health = server(c.Host, c.MetricsPort, a.healthRoutes(a.metrics.registry), log)
	return a, nil
}

// build makes the domains and the routes to them.
func (a *App) build() (http.Handler, error) {
	c := a.config
	passwords, err := users.NewPasswords(c.Replicas)
	if err != nil {
		return nil, err
	}
	limits, err := web.NewLimits(web.LimitSettings{
		UserPerSecond: c.UserRate, SignInAddressPerMinute: c.SignInAddressRate, SignInAccountPerMinute: c.SignInAccountRate,
		Replicas:             c.Replicas,
		StrongReadsPerSecond: c.StrongReadRate,
	}, a.db, a.db.Replicas, a.log)
	if err != nil {
		return nil, err
	}
	pages, err := openapi.NewPages()
	if err != nil {
		return nil, err
	}
	now, newID := clock(c.ReplicaName)
	a.users = users.NewStore(a.db, passwords, now, newID)
	sessionStore := sessions.NewStore(a.db, a.users, c.SecretKey, c.SessionTTL, now, a.metrics.sessions, a.log)
	memoryBytes := func() int64 { return a.db.Memory().MaxBytes }
	productStore := products.NewStore(a.db, now, newID)
	purchaseStore := purchases.NewStore(a.db, productStore, c.Reservation, quotas(c.Quotas),
		memoryBytes, newID, a.metrics.purchases)
	day, err := web.NewDay(web.DaySettings{
		Keys: c.Quotas.DayKeys, Bytes: c.Quotas.DayBytes,
		SharePercent: c.Quotas.DaySharePercent, AddressPercent: c.Quotas.DayAddressPercent,
	}, web.DayShop{
		Replicas: a.sharers, MemoryBytes: memoryBytes, HasPaid: purchaseStore.HasPaid, Now: time.Now,
		Refused: a.metrics.purchases.Refused,
	})
	if err != nil {
		return nil, err
	}
	a.sweeper = purchases.NewSweeper(purchaseStore, a.log)
	a.purger = purchases.NewPurger(purchaseStore, a.db, c.PurgeAfter, a.log)
	a.reserved = purchases.NewReservedWatch(purchaseStore, a.log)
	a.migrate = migrations.NewRunner(a.db, migrations.All(), c.ReplicaName, a.metrics.migrated, a.log)
	router, err := routes(gates{
		observer: web.NewObserver(a.metrics.web, a.log), access: web.NewAccess(sessionStore), limits: limits,
		memory: web.NewMemory(int64(c.RequestMemory)<<20, a.metrics.registry),
		maker:  idempotency.NewMaker(c.SecretKey), day: day,
		tokens: tokens{
			secret: c.SecretKey, signed: a.signsTokens, named: a.namesHistory, history: a.db.History, only: a.onlySigned,
		},
		cursors: web.Cursors{History: a.db.History, Short: a.namesHistory, Only: a.onlySigned},
		ready:   a.ready.Load, restoring: a.restoring, pages: pages, replica: c.ReplicaName, proxies: c.TrustedProxies,
		deadline: c.CommitDeadline,
	}, handlers{
		users: users.NewHandler(a.users, limits), sessions: sessions.NewHandler(sessionStore, limits),
		products:  products.NewHandler(productStore),
		purchases: purchases.NewHandler(purchaseStore, purchases.NewAddressNames(c.SecretKey)),
	})
	if err != nil {
		return nil, err
	}
	a.metrics.web.Expect(router.Routes())
	return router, nil
}

// quotas are the settings as package purchases has them.
func quotas(q config.Quotas) purchases.Quotas {
	return purchases.Quotas{
		OpenPurchases: q.OpenPurchases, OpenLines: q.OpenLines, OpenPieces: q.OpenPieces, ProductPieces: q.ProductPieces,
		CoolDown: q.CoolDown, SharePercent: q.SharePercent, AddressPercent: q.AddressPercent,
	}
}

// sharers is among how many replicas a customer's quotas of a day are divided: those that are meant to run, or those that
// are alive where they are more. A replica that has just started knows of no other yet, and grants no more for it.
func (a *App) sharers() int { return max(a.config.Replicas, a.db.Replicas()) }

// signsTokens reports whether all versions at work can read a signed token.
func (a *App) signsTokens() bool { return a.db.InForce(2) }

// namesHistory reports whether all versions at work read tokens and cursors that name the history.
func (a *App) namesHistory() bool { return a.db.InForce(3) }

// onlySigned reports whether no client can hold an unsigned token, or a cursor of before, that is of use.
func (a *App) onlySigned() bool { return a.db.InForceFor(3, unsignedFor) }

// Start lets the replica serve and returns once its API's port is open, which
// is when it is ready, or after openAfter. Errors after that come from Failed.
func (a *App) Start(ctx context.Context) error {
	if a.started {
		return errors.New("the replica was started before")
	}
	a.started = true
	if err := a.listen(a.health); err != nil {
		return err
	}
	a.db.Start()
	var setup context.Context
	setup, a.stopSetup = context.WithCancel(context.Background())
	prepared, held := make(chan struct{}), make(chan struct{})
	go a.prepare(setup, prepared, held)
	go a.awaitEnd(setup)
	select {
	case <-prepared:
	case <-held:
		a.log.Warn("a restore is under way; the API answers 503 until it has ended")
	case <-time.After(openAfter):
		a.log.Warn("the shop is not ready yet; the API answers 503 until it is")
	case <-ctx.Done():
		return ctx.Err()
	}
	a.sweeper.Start()
	a.purger.Start()
	a.reserved.Start()
	a.migrate.Start()
	err := a.listen(a.api)
	a.opened.Store(err == nil)
	return err
}

func (a *App) listen(s *http.Server) error {
	listener, err := listen(s.Addr)
	if err != nil {
		return err
	}
	go func() {
		if err := s.Serve(parsingListener{Listener: listener, replica: a.config.ReplicaName}); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- err
		}
	}()
	return nil
}

// prepare tries until the layout is checked and the admin is there. It closes held when it has to wait for the end of a
// restore.
func (a *App) prepare(ctx context.Context, prepared, held chan<- struct{}) {
	last, tellHeld := "", sync.OnceFunc(func() { close(held) })
	for ctx.Err() == nil {
		err := a.prepareOnce(ctx)
		if err == nil {
			a.ready.Store(true)
			a.log.Info("the shop is ready")
			close(prepared)
			return
		}
		if errors.Is(err, redisdb.ErrRestoring) {
			tellHeld()
		}
		if text := err.Error(); text != last && ctx.Err() == nil {
			a.log.Warn("the shop is not ready; trying again", "error", text)
			last = text
		}
		select {
		case <-ctx.Done():
		case <-time.After(setupPause):
		}
	}
}

func (a *App) prepareOnce(ctx context.Context) error {
	if err := a.db.CheckSchema(ctx); err != nil {
		return fmt.Errorf("checking the data's layout: %w", err)
	}
	if err := a.users.EnsureAdmin(ctx, a.config.AdminEmail, a.config.AdminPassword); err != nil {
		return fmt.Errorf("making the first admin: %w", err)
	}
	return nil
}

// restoring gives the error of all requests while a restore is under way, and after one.
func (a *App) restoring() error {
	if a.db.Restoring() {
		return redisdb.ErrRestoring
	}
	return nil
}

// Ended is closed after a restore has replaced the data, when it is this replica's turn to end. It is to be stopped then,
// and started again: what it has in memory belongs to the data that was there.
func (a *App) Ended() <-chan struct{} { return a.ended }

// awaitEnd closes ended. Until its turn a replica answers 503, which tells more than a port that is closed.
func (a *App) awaitEnd(ctx context.Context) {
	select {
	case <-a.db.Ended():
	case <-ctx.Done():
		return
	}
	select {
	case <-time.After(time.Duration(a.db.TurnToEnd()) * succession):
		close(a.ended)
	case <-ctx.Done():
	}
}

// Failed tells of a server that ended by itself.
func (a *App) Failed() <-chan error { return a.failed }

// Stop drains the replica: /readyz turns 503, keep-alive ends, requests in
// flight are finished, then everything stops in reverse order. It may be called
// more than once.
func (a *App) Stop(ctx context.Context) error {
	if !a.started || a.stopped.Swap(true) {
		return nil
	}
	a.draining.Store(true)
	a.log.Info("draining")
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	a.api.SetKeepAlivesEnabled(false)
	err := a.api.Shutdown(ctx)
	if a.stopSetup != nil {
		a.stopSetup()
	}
	a.sweeper.Stop()
	a.purger.Stop()
	a.reserved.Stop()
	a.migrate.Stop()
	err = errors.Join(err, a.db.Stop(), a.health.Shutdown(ctx))
	a.log.Info("stopped")
	return err
}
