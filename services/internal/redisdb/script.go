package redisdb

import (
	"crypto/sha1" //nolint:gosec // Redis names scripts by their SHA-1; nothing is secured by it.
	_ "embed"
	"encoding/hex"
)

//go:embed prelude.lua
var prelude string

// Script is a Lua script as the server knows it.
type Script struct {
	// Name stands in metrics and logs, such as "purchase.create".
	Name   string
	source string
	sha    string
}

// NewScript joins the common prelude and body to a write script. `#!lua` makes
// Redis decide before the first line whether the script may write at all.
func NewScript(name, body string) *Script { return newScript(name, weakened(prelude)+body) }

// newScript is for the few scripts without the prelude.
func newScript(name, body string) *Script {
	source := "#!lua\n" + body
	sum := sha1.Sum([]byte(source)) //nolint:gosec // see above
	return &Script{Name: name, source: source, sha: hex.EncodeToString(sum[:])}
}
