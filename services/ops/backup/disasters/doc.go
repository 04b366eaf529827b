// Package disasters has only tests: each walks through a page of docs/runbook/disasters on a whole shop, runs the commands
// of the page, and measures what was lost.
package disasters
