//go:build !drill

package products

// remaining gives all of a stored body for a change. A program that is built for the drill can lose what it does not know
// of it: weakness_drill.go.
func remaining(body string) string { return body }

// loadsFirst reports whether a page loads products before it looks them up in the lists of its filters: in the drill alone.
func loadsFirst() bool { return false }
