// Package users holds the people of the shop: customers and admins.
package users

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// User is a user as the API shows it; the password's hash is never in it.
type User struct {
	ID        string `json:"id"`
	Email     string `json:"email"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Role      string `json:"role"`
	Version   int64  `json:"version"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

// Render gives the JSON of the user.
func (u User) Render() ([]byte, error) { return json.Marshal(u) }

// SignUp is the body of POST /v1/users. Lengths are in characters.
type SignUp struct {
	Email     string `json:"email" validate:"required,max=254,email"`
	Password  string `json:"password" validate:"required,min=12,max=128"`
	FirstName string `json:"first_name" validate:"max=100,plain"`
	LastName  string `json:"last_name" validate:"max=100,plain"`
}

// Profile is what PATCH /v1/users/{id} may change; a password only when sent.
type Profile struct {
	Email     string  `json:"email" validate:"required,max=254,email"`
	FirstName string  `json:"first_name" validate:"max=100,plain"`
	LastName  string  `json:"last_name" validate:"max=100,plain"`
	Role      string  `json:"role" validate:"oneof=customer admin"`
	Password  *string `json:"password,omitempty" validate:"omitempty,min=12,max=128"`
}

// Fold gives the form under which emails are compared: case-folded (Unicode
// 5.18) after normalisation, so that no one signs up twice by capitals.
func Fold(email string) string {
	return cases.Fold().String(norm.NFC.String(strings.TrimSpace(email)))
}

// The fields of a user's hash.
const (
	fieldEmail     = "email"
	fieldFirstName = "first_name"
	fieldLastName  = "last_name"
	fieldRole      = "role"
	fieldVersion   = "version"
	fieldCreated   = "created_at"
	fieldUpdated   = "updated_at"
	fieldPassword  = "password" //nolint:gosec // the field's name
	// fieldSeed is the hash of the ADMIN_PASSWORD that was applied last.
	fieldSeed = "seed"
)

var shownFields = []string{fieldEmail, fieldFirstName, fieldLastName, fieldRole, fieldVersion, fieldCreated, fieldUpdated}

// fromFields reads a stored user; false for none, and for a deleted one, whose
// record only stays because purchases point to it.
func fromFields(id string, f redisdb.Fields) (User, bool) {
	if f == nil || f[fieldEmail] == "" {
		return User{}, false
	}
	version, _ := strconv.ParseInt(f[fieldVersion], 10, 64)
	return User{
		ID: id, Email: f[fieldEmail], FirstName: f[fieldFirstName], LastName: f[fieldLastName], Role: f[fieldRole],
		Version: version, CreatedAt: f[fieldCreated], UpdatedAt: f[fieldUpdated],
	}, true
}

// ETag gives the user's entity tag.
func (u User) ETag() string { return web.ETag(u.Version) }
