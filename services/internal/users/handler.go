package users

import (
	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/fault"
	"evergreen/services/internal/web"
)

// accountLimit counts the sign-ups and password changes of one account, and the latter of one address, too.
type accountLimit interface {
	SignInAccount(c *gin.Context, account string) error
	SignIn(c *gin.Context, account string) error
}

// Handler answers for users.
type Handler struct {
	store *Store
	limit accountLimit
}

// NewHandler makes a Handler.
func NewHandler(store *Store, limit accountLimit) *Handler {
	return &Handler{store: store, limit: limit}
}

// Create answers POST /users.
func (h *Handler) Create(c *gin.Context) error {
	in, err := web.Decode[SignUp](c)
	if err != nil {
		return err
	}
	if err := h.limit.SignInAccount(c, Fold(in.Email)); err != nil {
		return err
	}
	w, err := web.ChangeOf(c)
	if err != nil {
		return err
	}
	user, replayed, err := h.store.Create(c.Request.Context(), w, in, h.hashing(c))
	if err != nil {
		return err
	}
	if !replayed {
		web.CountLeft(c, accountBytes+2*textBytes(user))
	}
	return done(c, user, "/v1/users/"+user.ID, replayed)
}

// accountBytes is what an account takes in the store, about, beside its texts. It has them twice: in itself and in the
// remembered outcome of the sign-up.
const accountBytes = 1_100

// textBytes is what the texts of a user take in the store, about; memory is given out in steps. The outcome of each change
// has them.
func textBytes(u User) int { return (len(u.Email) + len(u.FirstName) + len(u.LastName)) * 5 / 4 }

// List answers GET /users.
func (h *Handler) List(c *gin.Context) error {
	page, filters, err := web.Query(c, "email")
	if err != nil {
		return err
	}
	items, last, err := h.store.List(c.Request.Context(), page, filters["email"])
	if err != nil {
		return err
	}
	return web.List(c, items, last)
}

// Get answers GET /users/:id.
func (h *Handler) Get(c *gin.Context) error {
	if err := ownOrAdmin(c); err != nil {
		return err
	}
	user, err := h.store.Get(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	text, err := user.Render()
	if err != nil {
		return err
	}
	web.Resource(c, user.ETag(), text)
	return nil
}

// Update answers PATCH /users/:id.
func (h *Handler) Update(c *gin.Context) error {
	if err := ownOrAdmin(c); err != nil {
		return err
	}
	patch, err := web.DecodeMergePatch(c)
	if err != nil {
		return err
	}
	if err := membersAllowed(c, patch); err != nil {
		return err
	}
	w, err := web.ChangeOf(c)
	if err != nil {
		return err
	}
	user, replayed, err := h.store.Update(c.Request.Context(), w, c.Param("id"), patch, h.hashing(c))
	if err != nil {
		return err
	}
	if !replayed {
		web.CountLeft(c, textBytes(user))
	}
	return done(c, user, "", replayed)
}

// Delete answers DELETE /users/:id.
func (h *Handler) Delete(c *gin.Context) error {
	if err := ownOrAdmin(c); err != nil {
		return err
	}
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

func (h *Handler) hashing(c *gin.Context) Hashing {
	return Hashing{ByAdmin: web.Caller(c).IsAdmin(), Allow: func(account string) error { return h.limit.SignIn(c, account) }}
}

// ownOrAdmin hides other people: their ids do not exist for the caller.
func ownOrAdmin(c *gin.Context) error {
	if who := web.Caller(c); who.IsAdmin() || who.UserID == c.Param("id") {
		return nil
	}
	return NotFound()
}

// membersAllowed holds what merging cannot see: who sends a role, and that a
// password, which no answer shows, cannot be removed.
func membersAllowed(c *gin.Context, patch []byte) error {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(patch, &members); err != nil {
		return err
	}
	if _, sent := members["role"]; sent && !web.Caller(c).IsAdmin() {
		return fault.New(fault.Forbidden, "forbidden", "Only admins may change a role.",
			fault.Field{Pointer: "/role", Code: "forbidden", Detail: "Only admins may change this."})
	}
	if value, sent := members["password"]; sent && value.Kind() == 'n' {
		return fault.InvalidField("/password", "required", "A password can be changed, not removed.")
	}
	return nil
}

func done(c *gin.Context, user User, location string, replayed bool) error {
	text, err := user.Render()
	if err != nil {
		return err
	}
	web.Done(c, web.Outcome{Body: text, ETag: user.ETag(), Location: location, Replayed: replayed})
	return nil
}
