package replay_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"evergreen/services/internal/replay"
	"evergreen/services/internal/texttest"
)

func TestTheProgramIsToldAllItNeedsOrSaysWhatIsMissing(t *testing.T) {
	admin := map[string]string{"ADMIN_EMAIL": "admin@example.com", "ADMIN_PASSWORD": "secret"}
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		want string
	}{
		"no file":         {nil, admin, "name one file"},
		"an empty name":   {[]string{""}, admin, "name one file"},
		"two files":       {[]string{"a", "b"}, admin, "name one file"},
		"nobody at work":  {[]string{"-at-once", "0", "a"}, admin, "-at-once is from 1 to 200"},
		"no admin":        {[]string{"a"}, nil, "ADMIN_EMAIL and ADMIN_PASSWORD are not set"},
		"an unknown flag": {[]string{"-x", "a"}, admin, "flag provided but not defined"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := replay.Parse(c.args, func(name string) string { return c.env[name] }, io.Discard, io.Discard)
			require.ErrorContains(t, err, c.want)
		})
	}
	o, err := replay.Parse([]string{"a.csv"}, func(name string) string { return admin[name] }, io.Discard, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:8080 a.csv admin@example.com secret 2m0s",
		o.URL+" "+o.Path+" "+o.Email+" "+o.Password+" "+o.Patience.Round(time.Second).String())
}

func TestProgressIsABarOnATerminalAndElseALineForEachTenth(t *testing.T) {
	for terminal, want := range map[bool]string{
		true:  "sales              100% |██████████████████████████████| (25/25",
		false: "sales: 0 of 25\nsales: 3 of 25\nsales: 5 of 25\nsales: 8 of 25\nsales: 10 of 25\nsales: 13 of 25\n",
	} {
		var shown bytes.Buffer
		progress := replay.NewProgress(&shown, terminal)
		progress.Begin("sales", 25)
		for range 25 {
			progress.Step()
		}
		progress.End()
		texttest.Contains(t, shown.String(), want)
	}
}
