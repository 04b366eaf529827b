package app_test

import (
	"sync"
	"testing"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// admins are the clients that adminOf made: logins are limited, and one serves
// all tests of a stack.
var admins sync.Map

// adminOf gives a client that is logged in as the stack's first admin.
func adminOf(t *testing.T, s *stack.Stack) *shoptest.Client {
	t.Helper()
	if known, found := admins.Load(s); found {
		return known.(*shoptest.Client) //nolint:forcetypeassert // only clients are stored
	}
	admin := shoptest.Admin(t, s)
	admins.Store(s, admin)
	return admin
}
