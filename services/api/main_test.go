package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/release"
)

func TestTheProgramTellsItsVersionWithoutAnySetting(t *testing.T) {
	var out, complaints bytes.Buffer
	require.Zero(t, run(t.Context(), []string{"version"}, &out, &complaints))
	require.Regexp(t, `^`+release.Version+` \S+\n$`, out.String())
	require.Empty(t, complaints.String())
}
