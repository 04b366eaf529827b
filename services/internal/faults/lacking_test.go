package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// detach makes a replica lose its primary without a word: it goes on answering, and
// Sentinel goes on listing it. The function that is given back attaches it again.
func detach(t *testing.T, s *stack.Stack, replica *stack.Process) (attach func()) {
	t.Helper()
	words := strings.Fields(redis(t, s, replica, "CONFIG", "GET", "masterauth"))
	redis(t, s, replica, "CONFIG", "SET", "masterauth", "a wrong one")
	redis(t, s, replica, "CLIENT", "KILL", "TYPE", "master")
	return func() {
		_, err := s.Redis(context.WithoutCancel(t.Context()), replica.Name(), "CONFIG", "SET", "masterauth", words[len(words)-1])
		require.NoError(t, err)
	}
}

// A password is changed and a user is made, acknowledged by one replica, while the
// other has lost its primary; then the primary freezes. Whichever replica is asked, the
// new password is the right one, and the user is there, logged in and may write.
func TestAUserThatOneReplicaLacksIsNeverDeniedWhileThePrimaryIsFrozen(t *testing.T) {
	shop, admin := whole(t)
	primary, replicas := roles(t, shop)
	bob, bobID := shoptest.Customer(t, admin)
	attach := detach(t, shop, replicas[0])
	t.Cleanup(attach)
	t.Cleanup(func() { _ = primary.Resume() }) // which fails if it was resumed
	requireLogins(t, admin, bob, bobID)
	ann, id := shoptest.Customer(t, admin)
	path := "/v1/users/" + id
	const none = "/v1/purchases/01934f4e-6c5a-7b3e-9d52-0a4f8c7b6e21"

	require.NoError(t, primary.Pause())
	frozen := time.Now()
	attach() // to the next primary: the frozen one sends nothing
	group, ctx := errgroup.WithContext(t.Context())
	for i := range 4 {
		group.Go(func() error {
			_, err := ann.Expect(ctx, http.StatusOK, "PATCH", path, shoptest.Object{"first_name": fmt.Sprint("Ann ", i)})
			return err
		})
		group.Go(func() error {
			for time.Since(frozen) < downAfter(t, shop) {
				if _, err := ann.Expect(ctx, http.StatusOK, "GET", path, nil); err != nil {
					return err
				}
				if _, err := ann.Expect(ctx, http.StatusNotFound, "GET", none, nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.NoError(t, primary.Resume())
	requireReturnsAsReplica(t, shop, primary)
}

// requireLogins changes a password and logs in with the new one more often than there are replicas to ask.
func requireLogins(t *testing.T, admin, user *shoptest.Client, id string) {
	t.Helper()
	const password = "another good password"
	email := user.Want(t, http.StatusOK, "PATCH", "/v1/users/"+id, shoptest.Object{"password": password}).Text(t, "email")
	for range 4 {
		admin.Want(t, http.StatusCreated, "POST", "/v1/sessions", shoptest.Object{"email": email, "password": password})
	}
}
