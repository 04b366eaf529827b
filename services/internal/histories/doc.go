// Package histories has only tests: a whole shop whose data is replaced under load, as a restore does it, with the
// commands of Redis alone. It holds what the API answers before, meanwhile and afterwards against what the shop has.
package histories
