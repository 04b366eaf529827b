package products

import (
	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"evergreen/services/internal/web"
)

// Handler answers for products and their stock.
type Handler struct{ store *Store }

// NewHandler makes a Handler.
func NewHandler(store *Store) *Handler { return &Handler{store: store} }

// Create answers POST /products.
func (h *Handler) Create(c *gin.Context) error {
	in, err := web.Decode[CreateInput](c)
	if err != nil {
		return err
	}
	if err := in.Check(); err != nil {
		return err
	}
	w, err := web.ChangeOf(c)
	if err != nil {
		return err
	}
	id, outcome, err := h.store.Create(c.Request.Context(), w, in)
	if err != nil {
		return err
	}
	outcome.Location = "/v1/products/" + id
	web.Done(c, outcome)
	return nil
}

// List answers GET /products.
func (h *Handler) List(c *gin.Context) error {
	page, filters, err := web.Query(c, "sku", "family", "category", "tag")
	if err != nil {
		return err
	}
	items, last, err := h.store.List(c.Request.Context(), page, filters)
	if err != nil {
		return err
	}
	return web.List(c, items, last)
}

// Get answers GET /products/:id.
func (h *Handler) Get(c *gin.Context) error {
	text, etag, err := h.store.Get(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	web.Resource(c, etag, text)
	return nil
}

// Update answers PATCH /products/:id.
func (h *Handler) Update(c *gin.Context) error {
	patch, err := web.DecodeMergePatch(c)
	if err != nil {
		return err
	}
	w, err := web.ChangeOf(c)
	if err != nil {
		return err
	}
	outcome, err := h.store.Update(c.Request.Context(), w, c.Param("id"), patch)
	if err != nil {
		return err
	}
	web.Done(c, outcome)
	return nil
}

// Delete answers DELETE /products/:id.
func (h *Handler) Delete(c *gin.Context) error {
	if err := web.NoBody(c); err != nil {
		return err
	}
	w, err := web.ChangeOf(c)
	if err != nil {
		return err
	}
	replayed, err := h.store.Delete(c.Request.Context(), w, c.Param("id"))
	if err != nil {
		return err
	}
	web.Gone(c, replayed)
	return nil
}

// Ledger answers GET /products/:id/stock.
func (h *Handler) Ledger(c *gin.Context) error {
	ledger, err := h.store.Ledger(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	text, err := json.Marshal(ledger)
	if err != nil {
		return err
	}
	web.Send(c, 200, text)
	return nil
}

// Adjust answers POST /products/:id/stock.
func (h *Handler) Adjust(c *gin.Context) error {
	in, err := web.Decode[AdjustInput](c)
	if err != nil {
		return err
	}
	w, err := web.ChangeOf(c)
	if err != nil {
		return err
	}
	ledger, replayed, err := h.store.Adjust(c.Request.Context(), w, c.Param("id"), in)
	if err != nil {
		return err
	}
	text, err := json.Marshal(ledger)
	if err != nil {
		return err
	}
	web.Done(c, web.Outcome{Body: text, Replayed: replayed})
	return nil
}
