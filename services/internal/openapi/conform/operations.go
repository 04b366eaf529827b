package conform

import (
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// Operations lists what is documented, such as "GET /v1/users/{id}", sorted.
func (c *Checker) Operations() []string {
	var all []string
	for path, item := range c.doc.Paths.Map() {
		for method := range item.Operations() {
			all = append(all, method+" "+path)
		}
	}
	slices.Sort(all)
	return all
}

// Unserved lists the operations that no exchange has carried out yet.
func (c *Checker) Unserved() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(c.Operations(), func(operation string) bool { return c.served[operation] })
}

// Filters lists the query parameters of GET path, sorted.
func (c *Checker) Filters(path string) (names []string) {
	item := c.doc.Paths.Value(path)
	if item == nil || item.Get == nil {
		return nil
	}
	for _, parameter := range item.Get.Parameters {
		if parameter.Value.In == openapi3.ParameterInQuery {
			names = append(names, parameter.Value.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Schema gives a schema of the document's components, or nil.
func (c *Checker) Schema(name string) *openapi3.Schema {
	ref := c.doc.Components.Schemas[name]
	if ref == nil {
		return nil
	}
	return ref.Value
}

// Codes lists every problem code that some response may have, sorted.
func (c *Checker) Codes() []string {
	var all []string
	for _, response := range c.doc.Components.Responses {
		all = append(all, texts(response.Value.Extensions["x-codes"])...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
