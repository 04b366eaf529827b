// Package load is the drill's clients: they buy, pay, cancel, adjust, edit and
// read through nginx at a steady rate, and note everything.
package load

// Load is a running load; Prepare makes one.
type Load struct{}
