//go:build !drill

package products

// remaining gives all of a stored body for a change. A program that is built for the drill can lose what it does not know
// of it: weakness_drill.go.
func remaining(body string) string { return body }
