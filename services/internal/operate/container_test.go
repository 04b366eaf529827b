package operate

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/texttest"
)

func TestArgumentsAndSettingsThatCannotBeUsedAreNamed(t *testing.T) {
	t.Parallel()
	usable := map[string]string{
		"NET": "127.1.1", "API_REPLICAS": "16", "REDIS_MASTER_NAME": "evergreen", "REDIS_ADMIN_USER": "operator", "REDIS_ADMIN_PASSWORD": "p",
	}
	for _, row := range []struct{ args, name, value, says string }{
		{"", "", "", "no command is given"},
		{"sell", "", "", `there is no command "sell"`},
		{"status now", "", "", `status takes no "now"`},
		{"status --within 1s", "", "", "flag provided but not defined: -within"},
		{"await --within 60", "", "", `invalid value "60"`},
		{"await 60s", "", "", `await takes no "60s"`},
		{"status", "NET", "", "NET is missing"},
		{"handover", "REDIS_ADMIN_PASSWORD", "", "REDIS_ADMIN_PASSWORD is missing"},
		{"await", "REDIS_ADMIN_USER", "", "REDIS_ADMIN_USER is missing"},
		{"await", "REDIS_MASTER_NAME", "", "REDIS_MASTER_NAME is missing"},
		{"await", "API_REPLICAS", "", "API_REPLICAS is missing"},
		{"await", "API_REPLICAS", "two", "API_REPLICAS=two is not a number from 2 to 16"},
		{"await", "API_REPLICAS", "1", "API_REPLICAS=1 is not"},
		{"await", "API_REPLICAS", "17", "API_REPLICAS=17 is not"},
		{"status", "NET", "172.20", "NET=172.20 is not the first three octets"},
		{"status", "NET", "fd00", "NET=fd00 is not the first three octets"},
	} {
		var out, errs bytes.Buffer
		code := Run(t.Context(), strings.Fields(row.args), func(name string) string {
			if name == row.name {
				return row.value
			}
			return usable[name]
		}, &out, &errs)
		require.Equal(t, 2, code, row)
		require.Empty(t, out.String(), row)
		texttest.Contains(t, errs.String(), row.says)
		texttest.Contains(t, errs.String(), "usage: operator")
	}
}

func TestAllMissingSettingsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	require.Equal(t, 2, Run(t.Context(), []string{"status"}, func(string) string { return "" }, &out, &errs))
	texttest.Contains(t, errs.String(), "REDIS_MASTER_NAME is missing; REDIS_ADMIN_USER is missing; REDIS_ADMIN_PASSWORD is missing; "+
		"NET is missing; API_REPLICAS is missing")
}

func TestHelpIsNoError(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"help", "--help", "await -h"} {
		var out, errs bytes.Buffer
		require.Zero(t, Run(t.Context(), strings.Fields(args), func(string) string { return "" }, &out, &errs), args)
		require.Equal(t, usage, out.String())
		require.Empty(t, errs.String())
	}
}
