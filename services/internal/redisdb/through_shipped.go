//go:build !drill

package redisdb

// through gives the address that is dialled for a Redis node or a Sentinel: its
// own. Only a program built for the drill (through_drill.go) takes another way.
func through(address string) string { return address }
