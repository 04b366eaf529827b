package check

import (
	"maps"
	"slices"
)

// fieldsThere holds what only a newer version knows of a product against what is stored at the end: older versions do not
// know it, and have to keep it.
func (r *record) fieldsThere() {
	for _, product := range slices.Sorted(maps.Keys(r.h.Fields)) {
		fields := r.h.Fields[product]
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			is, there := r.h.Audit.Fields[product][name]
			switch {
			case !there:
				r.report(RuleField, nil, "product %s had %s=%s, and it is gone", product, name, fields[name])
			case is != fields[name]:
				r.report(RuleField, nil, "product %s had %s=%s, and it is %s", product, name, fields[name], is)
			}
		}
	}
}
