// Package archive is the format of backups: how the files of a chain look in a target, how
// they are made, and how they are read back. All that is read is checked: a target is not
// trusted.
//
// A chain is one full backup and what was written after it. It consists of segments, each
// with a piece of one file of an append-only directory. A segment is compressed (zstd) and
// encrypted (age); beside it is a sidecar in clear text. Files are written once:
//
//	CHAIN/00000.seg.age   the segment
//	CHAIN/00000.json      its sidecar, written after it
//	CHAIN/chain.json      the full backup is complete; written after its last sidecar
//	CHAIN/verified.json   the full backup was restored and checked
package archive

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"
)

// Format is the number of the format that this program writes and reads.
const Format = 1

// MaxDataBytes is the most that one segment has of a file: what a writer keeps at once
// before it is shipped, and what is sent again after an error.
const MaxDataBytes = 32 << 20

// Bounds of what is read from a target.
const (
	maxHeaderBytes = 4 << 10
	maxNoteBytes   = 64 << 10
	// Data that cannot be compressed grows by less than this.
	maxSealedBytes = MaxDataBytes + MaxDataBytes/64 + 1<<20
	maxSegments    = 1 << 20
)

// Header begins each segment, inside the encryption.
type Header struct {
	Format int    `json:"format"`
	Chain  string `json:"chain"`
	Index  int    `json:"index"`
	// Previous is the SHA-256 of the plain text of the segment before, in hexadecimal; empty in the first.
	Previous string `json:"previous"`
	// FullSegments is how many segments the full backup has.
	FullSegments int `json:"full_segments"`
	// File, Offset and Length say which bytes of which file follow.
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Length int64  `json:"length"`
	State
}

// State is what the shop had when a segment was taken.
type State struct {
	// Sequence is a commit number: all commits up to it are in this segment and those before. All segments of a full
	// backup have that of the whole full backup.
	Sequence int64 `json:"sequence"`
	// HeartbeatMillis is the primary's clock of the newest heartbeat that is surely in it.
	HeartbeatMillis int64 `json:"heartbeat_ms"`
	// History is the history id of the shop; Schema is the number of its layout.
	History string `json:"history"`
	Schema  string `json:"schema"`
	// Version is that of the program that made the segment.
	Version string `json:"version"`
}

// Sidecar is the note beside a segment. It is not encrypted and not trusted: the header
// must say the same.
type Sidecar struct {
	Format int    `json:"format"`
	Chain  string `json:"chain"`
	Index  int    `json:"index"`
	// SHA256 and Bytes are of the encrypted file.
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	// DataBytes is what it adds to a file.
	DataBytes       int64 `json:"data_bytes"`
	Sequence        int64 `json:"sequence"`
	HeartbeatMillis int64 `json:"heartbeat_ms"`
}

// Full is chain.json: the full backup is complete.
type Full struct {
	Format   int    `json:"format"`
	Chain    string `json:"chain"`
	Segments int    `json:"segments"`
	// Bytes is the size of the encrypted segments, DataBytes that of the files.
	Bytes     int64 `json:"bytes"`
	DataBytes int64 `json:"data_bytes"`
	// StartedMillis and EndedMillis are times of the host, in milliseconds since 1970.
	StartedMillis int64 `json:"started_ms"`
	EndedMillis   int64 `json:"ended_ms"`
	State
}

// Verified is verified.json: what the full backup held when it was restored and checked.
type Verified struct {
	Chain          string `json:"chain"`
	VerifiedMillis int64  `json:"verified_ms"`
	DurationMillis int64  `json:"duration_ms"`
	// Sequence is the commit number of the restored data.
	Sequence int64 `json:"sequence"`
	// Counts is the number of keys of each type.
	Counts map[string]int64 `json:"counts"`
}

// NewChain makes the id of a chain: the time, to the millisecond, and 64 random bits. Ids sort by time.
func NewChain(now time.Time) string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // It never fails.
	now = now.UTC()
	return fmt.Sprintf("%s%03dZ-%s", now.Format(chainClock), now.Nanosecond()/1e6, hex.EncodeToString(random[:]))
}

// chainClock is how an id begins; three digits follow.
const chainClock = "20060102T150405"

var (
	chainID     = regexp.MustCompile(`^[0-9]{8}T[0-9]{9}Z-[0-9a-f]{16}$`)
	segmentFile = regexp.MustCompile(`^([0-9]{5,7})\.(seg\.age|json)$`)
	aofFile     = regexp.MustCompile(`^appendonly\.aof\.([0-9]+\.(base\.rdb|base\.aof|incr\.aof)|manifest)$`)
)

// ChainTime is when a chain was begun, by its id.
func ChainTime(id string) (time.Time, error) {
	if !chainID.MatchString(id) {
		return time.Time{}, fmt.Errorf("%q is not the id of a backup", id)
	}
	return time.Parse(chainClock+".000", id[:len(chainClock)]+"."+id[len(chainClock):len(chainClock)+3])
}

// Names of the files of a chain.
func segmentName(chain string, index int) string { return fmt.Sprintf("%s/%05d.seg.age", chain, index) }
func sidecarName(chain string, index int) string { return fmt.Sprintf("%s/%05d.json", chain, index) }
func fullName(chain string) string               { return chain + "/chain.json" }
func verifiedName(chain string) string           { return chain + "/verified.json" }
