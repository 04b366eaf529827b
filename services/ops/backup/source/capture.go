package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/backup/archive"
	"evergreen/services/ops/backup/failpoint"
	"evergreen/services/ops/redisnode"
)

// File is a linked file and how many of its bytes were noted.
type File struct {
	Name  string
	Bytes int64
}

// Capture is a linked copy of a replica's append-only files. The last of them grows on.
type Capture struct {
	Node     Node
	Manifest archive.Manifest
	// Files are those that the manifest names, in its order, with their sizes when they were linked.
	Files []File
	// State is what they surely hold.
	State archive.State
	// NewestPurchase is the id of the newest purchase that they surely hold, or empty.
	NewestPurchase string

	source       *Source
	manifestText string
	replID       string
	dir          string
}

// attempts is how often a capture starts over because the files changed meanwhile.
const attempts = 10

// Capture links the files of a replica that is up to date. Close removes the links.
func (s *Source) Capture(ctx context.Context) (*Capture, error) {
	if err := s.RemoveLinks(); err != nil {
		return nil, err
	}
	var err error
	for range attempts {
		var capture *Capture
		if capture, err = s.capture(ctx); err == nil {
			return capture, nil
		}
		if !errors.Is(err, ErrChanged) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return nil, err
}

func (s *Source) capture(ctx context.Context) (*Capture, error) {
	replica, primary, err := s.choose(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.caughtUp(ctx, replica, primary); err != nil {
		return nil, err
	}
	c := &Capture{Node: replica.node, source: s, replID: replica.replID, dir: replica.node.linksDir(s.Owner)}
	if err := c.take(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// take links the files between two looks at the manifest. The state is read before the links are made and the last
// file's length is noted, so the noted bytes hold it.
func (c *Capture) take(ctx context.Context) (err error) {
	if c.manifestText, err = c.readManifest(); err != nil {
		return err
	}
	if c.Manifest, err = archive.ParseManifest(c.manifestText); err != nil {
		return fmt.Errorf("%s: %w", c.Node.Name, err)
	}
	failpoint.Pass("backup-manifest-read")
	if c.State, err = c.readState(ctx); err != nil {
		return err
	}
	if c.NewestPurchase, err = c.newestPurchase(ctx); err != nil {
		return err
	}
	if err := c.link(); err != nil {
		return err
	}
	failpoint.Pass("backup-linked")
	return c.unchanged(ctx)
}

func (c *Capture) readManifest() (string, error) {
	text, err := os.ReadFile(filepath.Join(c.Node.filesDir(), archive.ManifestName))
	if err != nil {
		return "", fmt.Errorf("the files of %s: %w", c.Node.Name, err)
	}
	return string(text), nil
}

func (c *Capture) readState(ctx context.Context) (state archive.State, err error) {
	err = c.source.with(ctx, c.Node, func(ctx context.Context, conn *redisnode.Node) error {
		state, err = c.source.state(ctx, conn)
		return err
	})
	return state, err
}

func (c *Capture) newestPurchase(ctx context.Context) (newest string, err error) {
	err = c.source.with(ctx, c.Node, func(ctx context.Context, conn *redisnode.Node) error {
		found, err := conn.Do(ctx, "ZRANGE", redisdb.KeyAllPurchases(), 0, 0, "REV")
		for _, id := range redisnode.Texts(found) {
			newest = id
		}
		return err
	})
	return newest, err
}

// link gives each file a second name. It is made in a directory beside data/, which must stay as Redis left it.
func (c *Capture) link() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	for _, name := range c.Manifest.Files() {
		err := os.Link(filepath.Join(c.Node.filesDir(), name), filepath.Join(c.dir, name))
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: %s is gone: %w", c.Node.Name, name, ErrChanged)
		}
		if err != nil {
			return err
		}
		bytes, err := c.length(name)
		if err != nil {
			return err
		}
		c.Files = append(c.Files, File{Name: name, Bytes: bytes})
		if len(c.Files) == 1 {
			failpoint.Pass("backup-base-linked")
		}
	}
	return nil
}

func (c *Capture) length(name string) (int64, error) {
	info, err := os.Stat(filepath.Join(c.dir, name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// unchanged fails with ErrChanged if the node has other files now, or is no replica of the same history of writes.
func (c *Capture) unchanged(ctx context.Context) error {
	text, err := c.readManifest()
	if err != nil {
		return err
	}
	if text != c.manifestText {
		return fmt.Errorf("%s: its manifest changed: %w", c.Node.Name, ErrChanged)
	}
	return c.follows(ctx)
}

// follows fails with ErrChanged if the node is no replica of the primary that has the noted history of writes.
func (c *Capture) follows(ctx context.Context) error {
	all, failed := c.source.askAll(ctx)
	for _, now := range all {
		if now.node.Name != c.Node.Name {
			continue
		}
		if now.role != "slave" || now.replID != c.replID {
			return fmt.Errorf("%s: there was a promotion or a full copy: %w", c.Node.Name, ErrChanged)
		}
		if _, follows := c.source.primaryOf(now, all); !follows {
			return errors.Join(fmt.Errorf("%s: its link to its primary is down: %w", c.Node.Name, ErrNoReplica), failed)
		}
		return nil
	}
	return errors.Join(ErrNoReplica, failed)
}

// Open opens a linked file.
func (c *Capture) Open(name string) (*os.File, error) { return os.Open(filepath.Join(c.dir, name)) }

// Close removes the links.
func (c *Capture) Close() error { return os.RemoveAll(c.dir) }

// RemoveLinks removes the owner's links on all nodes: those of a program that was killed. Until then the disk keeps
// files that Redis has replaced.
func (s *Source) RemoveLinks() error {
	var failed error
	for _, node := range s.Nodes {
		failed = errors.Join(failed, os.RemoveAll(node.linksDir(s.Owner)))
	}
	return failed
}
