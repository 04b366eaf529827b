// Package faults has only tests: a whole shop of real processes, used by many at
// once while parts of it are killed, restarted or drained. What is told to
// clients is then held against what the shop has.
package faults
