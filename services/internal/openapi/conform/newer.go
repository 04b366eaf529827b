package conform

import "github.com/getkin/kin-openapi/openapi3"

// shut has a Checker demand that each member is documented, also where the document
// tells clients that members of a newer version may be there: none may come from this one.
func (c *Checker) shut() {
	for _, schema := range c.doc.Components.Schemas {
		if further := schema.Value.AdditionalProperties.Has; further != nil && *further {
			none := false
			schema.Value.AdditionalProperties.Has = &none
			c.open = append(c.open, schema.Value)
		}
	}
}

// Newer lets members of these names pass where the document lets those of a newer
// version pass. Call it before the first exchange.
func (c *Checker) Newer(names ...string) {
	for _, schema := range c.open {
		for _, name := range names {
			schema.Properties[name] = openapi3.NewSchemaRef("", openapi3.NewSchema())
		}
	}
}
