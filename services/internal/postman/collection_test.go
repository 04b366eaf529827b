package postman

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/openapi"
	"evergreen/services/internal/openapi/conform"
	"evergreen/services/internal/stack"
)

const (
	collectionFile  = "evergreen.postman_collection.json"
	environmentFile = "evergreen.postman_environment.json"
)

func TestTheCollectionRunsFromTopToBottomAndCallsEveryRoute(t *testing.T) {
	dir := folder(t)
	newman := installed(t, dir)
	shop := stack.StartT(t, stack.Options{})
	contract, err := conform.New(openapi.Document())
	require.NoError(t, err)
	watched := proxy(t, contract, shop.URL())

	// Twice, for a person runs it more than once against the same shop.
	for range 2 {
		report := run(t, dir, newman, environment(t, dir, watched, shop))
		require.NotEmpty(t, report.Run.Executions)
		for _, e := range report.Run.Executions {
			require.NotEmpty(t, e.Assertions, "%q asserts nothing", e.Item.Name)
		}
	}
	require.Empty(t, contract.Broken())
	require.Empty(t, contract.Unserved(), "the collection does not carry these out")
}

func TestTheEnvironmentHasNoSecretAndEveryVariableIsKnown(t *testing.T) {
	dir := folder(t)
	var environment struct {
		Values []struct{ Key, Value, Type string }
	}
	read(t, filepath.Join(dir, environmentFile), &environment)
	known := map[string]string{}
	for _, v := range environment.Values {
		known[v.Key] = v.Value
	}
	require.Equal(t, map[string]string{"baseUrl": "http://127.0.0.1:8080", "adminEmail": "admin@example.com", "adminPassword": ""}, known)

	var collection struct {
		Variable []struct{ Key, Value string }
	}
	text := read(t, filepath.Join(dir, collectionFile), &collection)
	for _, v := range collection.Variable {
		known[v.Key] = v.Value
		require.Empty(t, v.Value, "%s was left behind by a run", v.Key)
	}
	for _, name := range variables(text) {
		require.Contains(t, known, name)
	}
}

// proxy stands between newman and the shop and holds every answer against the
// document; one that breaks it becomes a 502, which no request expects.
func proxy(t *testing.T, contract *conform.Checker, shop string) string {
	t.Helper()
	target, err := url.Parse(shop)
	require.NoError(t, err)
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: contract.Watch(http.DefaultTransport),
	})
	t.Cleanup(server.Close)
	return server.URL
}

// environment writes the environment of a run: in a file, for others can see a
// command line, and with it the password.
func environment(t *testing.T, dir, shop string, s *stack.Stack) string {
	t.Helper()
	var environment map[string]any
	read(t, filepath.Join(dir, environmentFile), &environment)
	var values []map[string]any
	for name, value := range map[string]string{
		"baseUrl": shop, "adminEmail": s.Setting("ADMIN_EMAIL"), "adminPassword": s.Setting("ADMIN_PASSWORD"),
	} {
		values = append(values, map[string]any{"key": name, "value": value, "enabled": true})
	}
	environment["values"] = values
	text, err := json.Marshal(environment)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "environment.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// report is what we read of newman's.
type report struct {
	Run struct {
		Executions []struct {
			Item       struct{ Name string }
			Assertions []struct{ Assertion string }
		}
		Failures []struct {
			Source struct{ Name string }
			Error  struct{ Test, Message string }
		}
	}
}

// run lets newman run the collection; a failed assertion, or a request that was
// not answered, fails the test.
func run(t *testing.T, dir, newman, environment string) report {
	t.Helper()
	result := filepath.Join(t.TempDir(), "report.json")
	command := exec.CommandContext(t.Context(), "node", newman, "run", filepath.Join(dir, collectionFile), "--environment", environment,
		"--timeout-request", "20000", "--color", "off", "--disable-unicode", "--reporters", "cli,json", "--reporter-json-export", result)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	err := command.Run()
	var r report
	if _, missing := os.Stat(result); missing == nil {
		read(t, result, &r)
	}
	for _, f := range r.Run.Failures {
		t.Errorf("%s: %s: %s", f.Source.Name, f.Error.Test, f.Error.Message)
	}
	require.NoError(t, err, "newman said:\n%s", said.String())
	return r
}
