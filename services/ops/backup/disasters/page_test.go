package disasters_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// page is one of docs/runbook/disasters as a person uses it.
type page struct {
	t    *testing.T
	shop *shop
	text string
}

func (s *shop) page(name string) *page {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.clone, "docs/runbook/disasters", name))
	require.NoError(s.t, err)
	return &page{t: s.t, shop: s, text: string(text)}
}

// choices are what the reader of a page has to fill in: the values of lines such as node=redis-1.
type choices map[string]string

// run executes the first block of commands of a chapter, with the choices that the reader makes, and gives what it prints.
func (p *page) run(chapter string, c choices) string {
	p.t.Helper()
	said, err := p.try(chapter, c)
	require.NoError(p.t, err, "%s", said)
	return said
}

func (p *page) try(chapter string, c choices) (string, error) {
	p.t.Helper()
	_, rest, found := strings.Cut(p.text, "\n## "+chapter)
	require.True(p.t, found, chapter)
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(rest)
	require.NotNil(p.t, block, chapter)
	commands := regexp.MustCompile(`(?m)^(\w+)=example-\S+`).ReplaceAllStringFunc(block[1], func(line string) string {
		name, _, _ := strings.Cut(line, "=")
		require.NotEmpty(p.t, c[name], name)
		return name + "=" + c[name]
	})
	cmd := exec.CommandContext(p.t.Context(), "sh", "-euc", strings.ReplaceAll(commands, "127.20.0", p.shop.Net))
	cmd.Dir = p.shop.clone
	cmd.Env = append(os.Environ(), "NET="+p.shop.Net, "YES=1", "PWD="+p.shop.clone, "GOFLAGS=-trimpath")
	out, err := cmd.CombinedOutput()
	p.t.Logf("%s: %s\n%s", chapter, commands, out)
	return string(out), err
}
