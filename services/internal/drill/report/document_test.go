package report

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

type node = html.Node

// document is a page as a browser reads it.
type document struct{ root *node }

// parsed renders the runs' page.
func parsed(t *testing.T, runs []Run) document {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Page(&out, runs))
	root, err := html.Parse(&out)
	require.NoError(t, err)
	return document{root}
}

// every is all elements and texts, in their order.
func (d document) every() []*node { return slices.Collect(d.root.Descendants()) }

// tags is all elements of a name.
func (d document) tags(name string) []*node { return d.below(d.root, name) }

// below is those within an element.
func (d document) below(n *node, name string) []*node {
	var found []*node
	for child := range n.Descendants() {
		if child.Type == html.ElementNode && strings.EqualFold(child.Data, name) {
			found = append(found, child)
		}
	}
	return found
}

// said is all that stands in an element.
func said(n *node) string {
	var all strings.Builder
	for child := range n.Descendants() {
		if child.Type == html.TextNode {
			all.WriteString(child.Data)
		}
	}
	return all.String()
}

// cells are the texts of a table's row.
func cells(d document, row *node) []string {
	var texts []string
	for _, cell := range d.below(row, "td") {
		texts = append(texts, strings.TrimSpace(said(cell)))
	}
	return texts
}

func attribute(n *node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
