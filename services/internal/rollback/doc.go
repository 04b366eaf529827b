// Package rollback holds tests that run the release before this one beside this one, on
// the same data: upgrade, rollback, and the end of an upgrade.
package rollback
