// Package maketest holds the tests of scripts/run-tests, which the Makefile runs all
// tests with.
package maketest
