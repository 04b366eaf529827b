package purchases

import (
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/web"
)

// Handler answers for purchases.
type Handler struct {
	store     *Store
	addresses AddressNames
}

// NewHandler makes a Handler.
func NewHandler(store *Store, addresses AddressNames) *Handler {
	return &Handler{store: store, addresses: addresses}
}

// Create answers POST /purchases.
func (h *Handler) Create(c *gin.Context) error {
	in, err := web.Decode[CreateInput](c)
	if err != nil {
		return err
	}
	who := web.Caller(c)
	if err := adminMembers(who, in); err != nil {
		return err
	}
	w, err := web.ChangeOf(c)
	if err != nil {
		return err
	}
	buyer := Buyer{ID: who.UserID, Counted: !who.IsAdmin(), Address: h.addresses.Name(c.ClientIP()),
		Stored: func(bytes int) { web.CountBytes(c, bytes) }, Left: func(bytes int) { web.CountLeft(c, bytes) }}
	if in.UserID != "" {
		buyer.ID = in.UserID
	}
	id, outcome, err := h.store.Create(c.Request.Context(), w, buyer, in)
	if err != nil {
		return err
	}
	outcome.Location = "/v1/purchases/" + id
	web.Done(c, outcome)
	return nil
}

// adminMembers refuses what only an admin may say: for whom, and at which price.
func adminMembers(who web.Principal, in CreateInput) error {
	if who.IsAdmin() {
		return nil
	}
	var fields []fault.Field
	if in.UserID != "" && in.UserID != who.UserID {
		fields = append(fields, fault.Field{Pointer: "/user_id", Code: "forbidden", Detail: "Only admins buy for others."})
	}
	for i, line := range in.Items {
		if line.UnitPrice != nil {
			fields = append(fields, fault.Field{Pointer: "/items/" + strconv.Itoa(i) + "/unit_price", Code: "forbidden",
				Detail: "Only admins may agree on a price."})
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return fault.New(fault.Forbidden, "forbidden", "The request has members that only admins may send.", fields...)
}

// List answers GET /purchases.
func (h *Handler) List(c *gin.Context) error {
	page, filters, err := web.Query(c, "status", "user_id", "external_ref", "expand")
	if err != nil {
		return err
	}
	filter := Filter{
		Owner: filters["user_id"], Status: filters["status"], ExternalRef: filters["external_ref"], Items: filters["expand"] != "",
	}
	if filter.Items && filters["expand"] != "items" {
		return fault.BadParameter("expand", "unknown-expand", "The one part of purchases that a list can show in full is items.")
	}
	if filter.Status != "" && !slices.Contains(Statuses(), filter.Status) {
		return fault.BadParameter("status", "unknown-status", "There is no such status.")
	}
	if filter.Owner != "" && !web.IsID(filter.Owner) {
		return fault.BadParameter("user_id", "bad-id", "This is not an id (UUID in lower case).")
	}
	if who := web.Caller(c); !who.IsAdmin() {
		if filter.Owner != "" && filter.Owner != who.UserID {
			return fault.New(fault.Forbidden, "forbidden", "Only admins may list the purchases of others.",
				fault.Field{Parameter: "user_id", Code: "forbidden", Detail: "Only admins may use this filter."})
		}
		filter.Owner = who.UserID
	}
	items, last, err := h.store.List(c.Request.Context(), page, filter)
	if err != nil {
		return err
	}
	return web.List(c, items, last)
}

// Get answers GET /purchases/:id.
func (h *Handler) Get(c *gin.Context) error {
	text, etag, err := h.store.Get(c.Request.Context(), c.Param("id"), owner(c))
	if err != nil {
		return err
	}
	web.Resource(c, etag, text)
	return nil
}

// Pay answers POST /purchases/:id/pay.
func (h *Handler) Pay(c *gin.Context) error {
	in, err := web.Decode[PayInput](c)
	if err != nil {
		return err
	}
	return move(c, func(w web.Change) (web.Outcome, error) {
		return h.store.Pay(c.Request.Context(), w, c.Param("id"), in)
	})
}

// Cancel answers POST /purchases/:id/cancel.
func (h *Handler) Cancel(c *gin.Context) error {
	if err := web.NoBody(c); err != nil {
		return err
	}
	return move(c, func(w web.Change) (web.Outcome, error) {
		return h.store.Cancel(c.Request.Context(), w, c.Param("id"), owner(c))
	})
}

// Delete answers DELETE /purchases/:id, which cancels.
func (h *Handler) Delete(c *gin.Context) error {
	if err := web.NoBody(c); err != nil {
		return err
	}
	w, err := web.ChangeOf(c)
	if err != nil {
		return err
	}
	outcome, err := h.store.Cancel(c.Request.Context(), w, c.Param("id"), owner(c))
	if err != nil {
		return err
	}
	web.Gone(c, outcome.Replayed)
	return nil
}

// Fulfil answers POST /purchases/:id/fulfil.
func (h *Handler) Fulfil(c *gin.Context) error {
	if err := web.NoBody(c); err != nil {
		return err
	}
	return move(c, func(w web.Change) (web.Outcome, error) {
		return h.store.Fulfil(c.Request.Context(), w, c.Param("id"))
	})
}

// Refund answers POST /purchases/:id/refund; its body may be left out.
func (h *Handler) Refund(c *gin.Context) error {
	var in RefundInput
	if c.Request.ContentLength != 0 {
		var err error
		if in, err = web.Decode[RefundInput](c); err != nil {
			return err
		}
	}
	return move(c, func(w web.Change) (web.Outcome, error) {
		return h.store.Refund(c.Request.Context(), w, c.Param("id"), in)
	})
}

// owner is whose a purchase has to be: the caller's, or anybody's for an admin.
func owner(c *gin.Context) string {
	if who := web.Caller(c); !who.IsAdmin() {
		return who.UserID
	}
	return ""
}

func move(c *gin.Context, act func(web.Change) (web.Outcome, error)) error {
	w, err := web.ChangeOf(c)
	if err != nil {
		return err
	}
	outcome, err := act(w)
	if err != nil {
		return err
	}
	web.Done(c, outcome)
	return nil
}
