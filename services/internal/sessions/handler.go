package sessions

import (
	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"evergreen/services/internal/users"
	"evergreen/services/internal/web"
)

// accountLimit counts the logins of one account.
type accountLimit interface {
	SignInAccount(c *gin.Context, account string) error
}

// Handler answers for sessions.
type Handler struct {
	store *Store
	limit accountLimit
}

// NewHandler makes a Handler.
func NewHandler(store *Store, limit accountLimit) *Handler {
	return &Handler{store: store, limit: limit}
}

// Create answers POST /sessions.
func (h *Handler) Create(c *gin.Context) error {
	in, err := web.Decode[Login](c)
	if err != nil {
		return err
	}
	if err := h.limit.SignInAccount(c, users.Fold(in.Email)); err != nil {
		return err
	}
	session, err := h.store.Open(c.Request.Context(), web.RequestID(c), in,
		func(user, role string) error { return web.CountLogIn(c, user, role) })
	if err != nil {
		return err
	}
	c.Header("Location", "/v1/sessions/current")
	c.Header("Cache-Control", "no-store")
	return answer(c, 201, session)
}

// Current answers GET /sessions/current.
func (h *Handler) Current(c *gin.Context) error {
	session, err := h.store.Current(c.Request.Context(), web.Caller(c))
	if err != nil {
		return err
	}
	return answer(c, 200, session)
}

// End answers DELETE /sessions/current.
func (h *Handler) End(c *gin.Context) error {
	if err := web.NoBody(c); err != nil {
		return err
	}
	if err := h.store.End(c.Request.Context(), web.RequestID(c), web.Caller(c)); err != nil {
		return err
	}
	web.Gone(c, false)
	return nil
}

func answer(c *gin.Context, status int, session Session) error {
	text, err := json.Marshal(session)
	if err != nil {
		return err
	}
	web.Send(c, status, text)
	return nil
}
