package app

import (
	"time"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/idempotency"
	"evergreen/services/internal/openapi"
	"evergreen/services/internal/products"
	"evergreen/services/internal/purchases"
	"evergreen/services/internal/sessions"
	"evergreen/services/internal/users"
	"evergreen/services/internal/web"
)

// handlers are what the routes lead to.
type handlers struct {
	users     *users.Handler
	sessions  *sessions.Handler
	products  *products.Handler
	purchases *purchases.Handler
}

// gates are what stands before them.
type gates struct {
	observer *web.Observer
	access   web.Access
	limits   *web.Limits
	memory   *web.Memory
	maker    idempotency.Maker
	tokens   tokens
	cursors  web.Cursors
	day      *web.Day
	ready    func() bool
	// restoring gives the error of all routes while a restore is under way.
	restoring func() error
	pages     *openapi.Pages
	replica   string
	proxies   []string
	deadline  time.Duration
}

// routes is every route of the API and the order of everything that a request
// passes: what refuses most cheaply comes first. Body validation and the
// idempotency key follow in the handlers, through web.Decode and web.ChangeOf.
func routes(g gates, h handlers) (*gin.Engine, error) {
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	if err := r.SetTrustedProxies(g.proxies); err != nil {
		return nil, err
	}
	r.Use(web.Identify(g.proxies, g.replica), web.Recover, g.observer.Observe)
	r.NoRoute(web.NoRoute)
	r.NoMethod(web.NoMethod)

	// The API's document and its page need no Redis: they are there from the start.
	documents := r.Group("/", g.memory.Bound)
	documents.GET("/openapi.yaml", page(g.pages))
	documents.GET("/docs", page(g.pages))
	documents.GET("/docs/:asset", page(g.pages))

	v1 := r.Group("/v1", web.Deadline(g.deadline), web.RequireReady(g.ready, g.restoring), g.memory.Bound, web.CapBody(web.MaxBody), web.PathID,
		web.NameWrites(g.maker), g.cursors.Use, g.day.Watch, g.tokens.consistency(g.limits.StrongReads))
	anyone, signedIn, admin := known(g.access.Anyone), known(g.access.SignedIn), known(g.access.Admin)
	perUser, perAddress := g.limits.PerUser, g.limits.SignInAddress

	v1.POST("/users", anyone, perUser, perAddress, web.Handle(h.users.Create))
	v1.GET("/users", admin, web.Handle(h.users.List))
	v1.GET("/users/:id", signedIn, perUser, web.Handle(h.users.Get))
	v1.PATCH("/users/:id", signedIn, perUser, web.Handle(h.users.Update))
	v1.DELETE("/users/:id", signedIn, perUser, web.Handle(h.users.Delete))

	v1.POST("/sessions", anyone, perUser, perAddress, web.Handle(h.sessions.Create))
	v1.GET("/sessions/current", signedIn, perUser, web.Handle(h.sessions.Current))
	v1.DELETE("/sessions/current", signedIn, perUser, web.Handle(h.sessions.End))

	// Everybody reads products. Only a strong read's session is looked at.
	caller, rate := ofStrongReads(anyone), ofStrongReads(perUser)
	v1.GET("/products", caller, rate, web.Handle(h.products.List))
	v1.GET("/products/:id", caller, rate, web.Handle(h.products.Get))
	v1.POST("/products", admin, web.Handle(h.products.Create))
	v1.PATCH("/products/:id", admin, web.Handle(h.products.Update))
	v1.DELETE("/products/:id", admin, web.Handle(h.products.Delete))
	v1.GET("/products/:id/stock", admin, web.Handle(h.products.Ledger))
	v1.POST("/products/:id/stock", admin, web.Handle(h.products.Adjust))

	v1.POST("/purchases", signedIn, perUser, web.Handle(h.purchases.Create))
	v1.GET("/purchases", signedIn, perUser, web.Handle(h.purchases.List))
	v1.GET("/purchases/:id", signedIn, perUser, web.Handle(h.purchases.Get))
	v1.DELETE("/purchases/:id", signedIn, perUser, web.Handle(h.purchases.Delete))
	v1.POST("/purchases/:id/cancel", signedIn, perUser, web.Handle(h.purchases.Cancel))
	v1.POST("/purchases/:id/pay", admin, web.Handle(h.purchases.Pay))
	v1.POST("/purchases/:id/fulfil", admin, web.Handle(h.purchases.Fulfil))
	v1.POST("/purchases/:id/refund", admin, web.Handle(h.purchases.Refund))
	return r, nil
}

// page answers with one of the files of pages.
func page(pages *openapi.Pages) gin.HandlerFunc {
	return func(c *gin.Context) {
		// The pages are in memory once, and each client that does not read one has a part of it in the kernel.
		if err := web.Hold(c.Request.Context(), 2*unreadBytes); err != nil {
			web.Fail(c, err)
			return
		}
		if !pages.Serve(c.Writer, c.Request) {
			web.NoRoute(c)
		}
	}
}
