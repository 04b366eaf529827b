package upgrade_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joho/godotenv"
	"github.com/stretchr/testify/require"

	"evergreen/services/internal/release"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// clone is a directory that looks like somebody's clone, and the prefix of the shop that runs from it.
type clone struct{ root, net string }

// cloneOf has the files of one version, whose source lies elsewhere.
func cloneOf(t *testing.T, files string) clone {
	t.Helper()
	net, err := stack.PrivateNet()
	require.NoError(t, err)
	c := clone{root: t.TempDir(), net: net}
	c.checkOut(t, files)
	return c
}

// checkOut is `git checkout` of a version whose files are there.
func (c clone) checkOut(t *testing.T, files string) {
	t.Helper()
	pull(t, files, c.root, append(configuration(), "go.mod", "go.sum")...)
	source := filepath.Join(c.root, "services")
	_ = os.Remove(source)
	require.NoError(t, os.Symlink(filepath.Join(files, "services"), source))
}

func (c clone) command(program string, args ...string) *exec.Cmd {
	command := exec.Command(program, append([]string{"-net", c.net}, args...)...)
	command.Dir = c.root
	command.Env = append(os.Environ(), "GOFLAGS=-trimpath", "PWD="+c.root)
	return command
}

// up is `make up` of the version that program belongs to.
func (c clone) up(t *testing.T, program string) {
	t.Helper()
	command, said, ended := c.command(program, "up"), &output{}, make(chan struct{})
	command.Stdout, command.Stderr = said, said
	require.NoError(t, command.Start())
	go func() { _ = command.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(generous):
			_ = command.Process.Kill()
		}
		if t.Failed() {
			t.Log(said.String())
		}
	})
	require.Eventually(t, func() bool {
		select {
		case <-ended:
			return true
		default:
			return strings.Contains(said.String(), "The shop is open")
		}
	}, generous, 50*time.Millisecond)
	require.Contains(t, said.String(), "The shop is open")
}

func (c clone) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	said, err := c.command(program, args...).CombinedOutput()
	require.NoError(t, err, "%s", said)
	t.Logf("%s", said)
	return string(said)
}

// url is the shop's address as clients use it.
func (c clone) url() string { return "http://" + c.net + ".4:8080" }

// version is what the shop's document says; many looks meet both replicas.
func (c clone) versions(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for range 10 {
		answer, err := http.Get(c.url() + "/openapi.yaml")
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if version, is := strings.CutPrefix(line, "  version: "); is {
				found[strings.Trim(version, "\"\n")] = true
			}
		}
	}
	return found
}

// The shop is started by the previous release's own `make up`, whose supervisor runs throughout.
func TestAShopOfThePreviousReleaseIsUpgradedToThisVersionAndBackWhileItSells(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	files, err := release.Files(t.Context(), root, release.Previous)
	if err != nil {
		require.ErrorIs(t, err, release.ErrNoHistory)
		t.Skip(err)
	}
	before, err := release.Build(t.Context(), root, release.Previous, "local")
	require.NoError(t, err)
	now := filepath.Join(t.TempDir(), "local")
	build(t, root, "local", now)

	c := cloneOf(t, files)
	c.up(t, before)
	env, err := godotenv.Read(filepath.Join(c.root, ".env"))
	require.NoError(t, err)
	clients := startTraffic(t, c.url(), env["ADMIN_EMAIL"], env["ADMIN_PASSWORD"])
	admin := signIn(t, c.url(), env["ADMIN_EMAIL"], env["ADMIN_PASSWORD"])
	require.Equal(t, map[string]bool{"0.1.0": true}, c.versions(t))
	product := fullProduct(t, admin)
	byOld := shoptest.Cross(t, admin)

	c.checkOut(t, root)
	began := time.Now()
	said := c.run(t, now, "rolling-upgrade")
	t.Logf("the upgrade took %v", time.Since(began).Round(time.Second))
	require.Contains(t, said, "api-2 is made anew, and the stack is whole")
	require.Equal(t, map[string]bool{release.Version: true}, c.versions(t))
	clients.goesOn()
	byOld.Recall(t)
	product.edit(t, admin)
	byNew := shoptest.Cross(t, admin)
	require.NotContains(t, c.run(t, now, "rolling-upgrade"), "anew", "nothing is done twice")

	began = time.Now()
	c.run(t, now, "-back", "rolling-upgrade")
	t.Logf("the way back took %v", time.Since(began).Round(time.Second))
	require.Equal(t, map[string]bool{"0.1.0": true}, c.versions(t))
	clients.goesOn()
	byOld.Recall(t)
	byNew.Recall(t)
	product.edit(t, admin)
	clients.requireKept()
}

// edited is a product with a value in every member, which each version edits in turn.
type edited struct {
	id   string
	last shoptest.Object
}

func fullProduct(t *testing.T, admin *shoptest.Client) *edited {
	t.Helper()
	e := &edited{}
	a := admin.Want(t, http.StatusCreated, "POST", "/v1/products", shoptest.Object{
		"name": shoptest.Unique("Product"), "sku": shoptest.Unique("SKU"), "description": "made of beeswax", "price": shoptest.Euros(1999), "stock": 7,
	})
	a.Into(t, &e.last)
	e.id = a.Text(t, "id")
	return e
}

// edit changes one member and demands that every other one is as it was.
func (e *edited) edit(t *testing.T, admin *shoptest.Client) {
	t.Helper()
	description := shoptest.Unique("edited")
	var now shoptest.Object
	admin.Want(t, http.StatusOK, "PATCH", "/v1/products/"+e.id, shoptest.Object{"description": description}).Into(t, &now)
	e.last["description"] = description
	for member, value := range e.last {
		if member != "updated_at" && member != "version" {
			require.Equal(t, value, now[member], "%s after an edit by another version", member)
		}
	}
	e.last = now
}
