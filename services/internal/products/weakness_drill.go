//go:build drill

package products

import (
	"os"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// membersDropped is the weakness of a program that keeps of a stored product only what it knows. The names of all
// weaknesses are in redisdb/weakness_drill.go, which reads the same setting.
const membersDropped = "members-dropped"

// noScanBound is the weakness of a program whose pages load every product that they examine.
const noScanBound = "no-scan-bound"

// loadsFirst reports whether a page loads products before it looks them up in the lists of its filters.
func loadsFirst() bool {
	return slices.Contains(strings.Split(os.Getenv("SHOP_WEAKNESS"), ","), noScanBound)
}

// known are the members of a stored body that this version knows.
func known() []string {
	return []string{
		"id", "sku", "family", "options", "name", "description", "category", "company", "tags", "attributes", "price",
		"date_manufactured", "max_per_customer", "version", "created_at", "updated_at",
	}
}

// remaining gives what is left of a stored body for a change: all of it, or with the weakness the known members.
func remaining(body string) string {
	if !slices.Contains(strings.Split(os.Getenv("SHOP_WEAKNESS"), ","), membersDropped) {
		return body
	}
	var members map[string]jsontext.Value
	if json.Unmarshal([]byte(body), &members) != nil {
		return body
	}
	for name := range members {
		if !slices.Contains(known(), name) {
			delete(members, name)
		}
	}
	left, err := json.Marshal(members)
	if err != nil {
		return body
	}
	return string(left)
}
