package restore

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/redisnode"
)

// The files of what is kept aside, in a directory of its own.
const (
	asidePrefix = "before-"
	asideData   = "data.zst"
	asideNote   = "restore.json" // written last: with it the data are whole
	asideLost   = "lost-purchases.csv"
)

// Aside describes data that a restore has kept.
type Aside struct {
	// Name is that of its directory.
	Name string `json:"name"`
	// Made is when the data were kept; Instead is what was restored.
	Made    time.Time `json:"made"`
	Instead string    `json:"instead"`
	// Layout, History and CommitSeq are those of the data.
	Layout    string `json:"layout"`
	History   string `json:"history"`
	CommitSeq int64  `json:"commit_seq"`
	Keys      int64  `json:"keys"`
	SHA256    string `json:"sha256"`
}

// Bounds of what is read back.
const (
	mostKeyBytes  = 64 << 10
	mostDumpBytes = 512 << 20
)

// keepAside writes all data of a node into the directory of a: a key, when it expires and its dump, one after the other. It
// can be called again after it was cut off.
func keepAside(ctx context.Context, node *redisnode.Node, dir string, a Aside) (Aside, error) {
	dir = filepath.Join(dir, a.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return a, err
	}
	file, err := os.OpenFile(filepath.Join(dir, asideData), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return a, err
	}
	sum := sha256.New()
	err = writeDumps(ctx, node, io.MultiWriter(file, sum), &a.Keys)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return a, fmt.Errorf("keeping the present data aside: %w", err)
	}
	a.SHA256 = fmt.Sprintf("%x", sum.Sum(nil))
	return a, writeNote(filepath.Join(dir, asideNote), a)
}

func writeDumps(ctx context.Context, node *redisnode.Node, out io.Writer, keys *int64) error {
	packed, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	err = node.Dumps(ctx, "*", ofThisShopOnly, func(group []redisnode.Dumped) error {
		for _, d := range group {
			*keys++
			record := binary.AppendUvarint(nil, uint64(len(d.Key)))
			record = append(record, d.Key...)
			record = binary.AppendUvarint(record, uint64(d.ExpiresMillis))
			record = binary.AppendUvarint(record, uint64(len(d.Dump)))
			if _, err := packed.Write(append(record, d.Dump...)); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, packed.Close())
}

// writeNote writes a file whole, under its name or not at all.
func writeNote(path string, note any) error {
	text, err := json.MarshalIndent(note, "", "  ")
	if err != nil {
		return err
	}
	draft := path + ".new"
	file, err := os.OpenFile(draft, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(draft, path)
}

// asides lists what is kept and whole, the oldest first.
func asides(dir string) ([]Aside, error) {
	found, err := filepath.Glob(filepath.Join(dir, asidePrefix+"*", asideNote))
	if err != nil {
		return nil, err
	}
	var all []Aside
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		var a Aside
		if err := json.Unmarshal(text, &a); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		a.Name = filepath.Base(filepath.Dir(path))
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Aside) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// loadAside puts what is kept into a node.
func loadAside(ctx context.Context, dir string, a Aside, node *redisnode.Node) error {
	path := filepath.Join(dir, a.Name, asideData)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	keys, err := readDumps(ctx, io.TeeReader(file, sum), node)
	if err == nil {
		err = whole(file, sum, a, keys)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func whole(rest io.Reader, sum hash.Hash, a Aside, keys int64) error {
	if _, err := io.Copy(sum, rest); err != nil {
		return err
	}
	if fmt.Sprintf("%x", sum.Sum(nil)) != a.SHA256 || keys != a.Keys {
		return errors.New("the file is damaged")
	}
	return nil
}

func readDumps(ctx context.Context, in io.Reader, node *redisnode.Node) (keys int64, err error) {
	unpacked, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return 0, err
	}
	defer unpacked.Close()
	buffered := bufio.NewReaderSize(unpacked, 1<<20)
	for {
		group, err := readGroup(buffered)
		if err != nil {
			return keys, err
		}
		if len(group) == 0 {
			return keys, nil
		}
		keys += int64(len(group))
		if _, err := node.Pipeline(ctx, group); err != nil {
			return keys, err
		}
	}
}

// readGroup reads some records; none at the end.
func readGroup(in *bufio.Reader) ([]redisnode.Command, error) {
	var group []redisnode.Command
	for bytes := 0; bytes < 1<<20; {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			break
		}
		key, err := readBytes(in, mostKeyBytes)
		if err != nil {
			return nil, err
		}
		expires, err := binary.ReadUvarint(in)
		if err != nil {
			return nil, err
		}
		dump, err := readBytes(in, mostDumpBytes)
		if err != nil {
			return nil, err
		}
		bytes += len(dump)
		group = append(group, redisnode.Dumped{Key: key, Dump: dump, ExpiresMillis: int64(expires)}.Command())
	}
	return group, nil
}

func readBytes(in *bufio.Reader, most uint64) (string, error) {
	length, err := binary.ReadUvarint(in)
	if err != nil {
		return "", err
	}
	if length > most {
		return "", errors.New("the file is damaged: it has a record that is too long")
	}
	var text bytes.Buffer
	_, err = io.CopyN(&text, in, int64(length))
	return text.String(), err
}

// ofThisShopOnly names the keys that belong to the running shop and not to its data.
func ofThisShopOnly(key string) bool {
	switch key {
	case redisdb.KeySchema(), redisdb.KeyRestore(), redisdb.KeyReplicas(), redisdb.KeyHeartbeat(), redisdb.KeyMigrationLease():
		return true
	}
	return false
}
