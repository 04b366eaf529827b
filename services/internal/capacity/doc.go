// Package capacity holds the test of docs/capacity.md: it measures in a real Redis what each object of the shop costs, and
// compares the figures with those of the page.
package capacity
