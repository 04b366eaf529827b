// Package boot has only tests: real Redis nodes and Sentinels that are killed,
// robbed of their volumes and started again, in every sequence that a host may
// go through. What the nodes may start as is decided by redis/boot-rule.sh;
// docs/stack.md explains it, and docs/runbook/redis-waits.md tells a person what
// to do where it decides nothing.
//
// In every test, at every moment: nobody is primary with an empty data set, and
// two are primary for 20 s at most.
//
// SWEEP=1 makes the test of whole-cluster kills long: see `make sweep`.
package boot
