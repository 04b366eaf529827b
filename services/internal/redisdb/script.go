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
	// short is the form that runs while memory is short: see memory.go.
	short *Script
}

// The flags of scripts: https://redis.io/docs/latest/develop/interact/programmability/lua-api/#script_flags
const (
	noFlags  = ""
	allowOOM = "allow-oom" // it runs at maxmemory, too
	readOnly = "no-writes,allow-oom"
)

// NewScript joins the common prelude and body to a write script. `#!lua` makes
// Redis decide before the first line whether the script may write at all.
//
// While memory is short the prelude runs alone and writes nothing: it gives the outcome
// that is remembered, or refuses with ErrFull.
func NewScript(name, body string) *Script {
	s := newScript(name, noFlags, "local sparing = false\n"+weakened(prelude)+body)
	s.short = newScript(name, readOnly, "local sparing = false\n"+weakened(prelude)+"return refuse('"+ErrFull.Code+"')")
	return s
}

// NewFreeingScript makes a write script that frees memory or stops a loss. It runs at
// maxmemory, too, and remembers no refusal then; so it makes the data larger by its
// effects alone, and must have one effect per stored object at most.
func NewFreeingScript(name, body string) *Script {
	s := newScript(name, noFlags, "local sparing = false\n"+weakened(prelude)+body)
	s.short = newScript(name, allowOOM, "local sparing = true\n"+weakened(prelude)+body)
	return s
}

// newScript is for the few scripts without the prelude, and for the forms of the others.
func newScript(name, flags, body string) *Script {
	head := "#!lua\n"
	if flags = flagged(flags); flags != noFlags {
		head = "#!lua flags=" + flags + "\n"
	}
	source := head + body
	sum := sha1.Sum([]byte(source)) //nolint:gosec // see above
	return &Script{Name: name, source: source, sha: hex.EncodeToString(sum[:])}
}
