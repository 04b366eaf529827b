//go:build containers

package containers_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/config"
	"evergreen/services/internal/release"
	"evergreen/services/internal/shoptest"
	"evergreen/services/internal/stack"
)

// previousImage is the API of the previous release, as its own docker-compose.yml builds it.
const previousImage = "evergreen/api:test-previous"

func (s *shop) buildPreviousImage(t *testing.T) {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	files, err := release.Files(t.Context(), root, release.Previous)
	if err != nil {
		require.ErrorIs(t, err, release.ErrNoHistory)
		t.Skip(err)
	}
	build := exec.CommandContext(t.Context(), "docker", "compose", "build", "--quiet", "api-1")
	build.Dir = files
	build.Env = append(append(os.Environ(), s.Environment()...), "COMPOSE_FILE="+filepath.Join(files, "docker-compose.yml"), "API_IMAGE="+previousImage)
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
}

// rollTo brings the API to an image that is there, by the script that people use.
func (s *shop) rollTo(t *testing.T, image string) {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	upgrade := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "rolling-upgrade"), "--no-build")
	upgrade.Env = append(append(os.Environ(), s.Environment()...), "API_IMAGE="+image)
	said, err := upgrade.CombinedOutput()
	require.NoError(t, err, "%s", said)
	t.Logf("%s", said)
	require.Contains(t, string(said), "api-2 is made anew, and the stack is whole")
}

// requireVersion demands that every replica tells the version; many looks meet all of them.
func (s *shop) requireVersion(t *testing.T, version string) {
	t.Helper()
	for range 10 {
		document := s.admin.Want(t, http.StatusOK, "GET", "/openapi.yaml", nil)
		// Not by require.Contains, which would print the whole document.
		tells := strings.Contains(string(document.Body), "\n  version: \""+version+"\"\n")
		require.True(t, tells, "another version than %s answers", version)
	}
}

// The image of the previous release starts under this version's docker-compose.yml, on a shop that it can read: this
// file's name puts the test before all that need the newest layout, which the end of the upgrade brings here.
func TestTheAPIGoesBackToThePreviousReleaseAndForwardAgainUnderLoad(t *testing.T) {
	s := whole(t)
	s.buildPreviousImage(t)
	byNew := shoptest.Cross(t, s.admin)
	figures := s.underLoad(t, func() {
		s.rollTo(t, previousImage)
		s.requireVersion(t, "0.1.0")
		byNew.Recall(t)
		byOld := shoptest.Cross(t, s.admin)
		s.rollTo(t, s.Setting("API_IMAGE"))
		s.requireVersion(t, release.Version)
		byNew.Recall(t)
		byOld.Recall(t)
	}, func() {})
	t.Logf("%d requests, %d failed; slowest write %v, slowest read %v", figures.Writes.Requests+figures.Reads.Requests,
		figures.Writes.Failed+figures.Reads.Failed, figures.Writes.During.Max, figures.Reads.During.Max)
	require.Empty(t, figures.Errors)
	s.finishUpgrade(t)
	byNew.Recall(t)
}

// finishUpgrade puts the newest layout in force, by the script that people use.
func (s *shop) finishUpgrade(t *testing.T) {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	finish := exec.CommandContext(t.Context(), filepath.Join(root, "scripts", "finish-upgrade"))
	finish.Env = append(os.Environ(), s.Environment()...)
	said, err := finish.CombinedOutput()
	require.NoError(t, err, "%s", said)
	t.Logf("%s", said)
	require.Contains(t, string(said), "layout "+strconv.Itoa(config.Layout)+" is in force")
}
