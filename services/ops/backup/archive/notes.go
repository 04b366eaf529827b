package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"evergreen/services/ops/backup/target"
)

// PutSegment stores a segment whose encrypted bytes body gives. PutSidecar comes after it.
func PutSegment(ctx context.Context, store target.Store, sidecar Sidecar, body io.Reader) error {
	return store.Put(ctx, segmentName(sidecar.Chain, sidecar.Index), body, sidecar.Bytes)
}

// PutSidecar stores a sidecar: its segment counts from now on.
func PutSidecar(ctx context.Context, store target.Store, sidecar Sidecar) error {
	return putNote(ctx, store, sidecarName(sidecar.Chain, sidecar.Index), sidecar)
}

// PutFull stores chain.json: the full backup counts from now on.
func PutFull(ctx context.Context, store target.Store, full Full) error {
	return putNote(ctx, store, fullName(full.Chain), full)
}

// PutVerified stores verified.json.
func PutVerified(ctx context.Context, store target.Store, verified Verified) error {
	return putNote(ctx, store, verifiedName(verified.Chain), verified)
}

func putNote(ctx context.Context, store target.Store, name string, note any) error {
	text, err := json.Marshal(note)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	return store.Put(ctx, name, bytes.NewReader(text), int64(len(text)))
}

// getNote reads a small JSON file of a target.
func getNote(ctx context.Context, store target.Store, name string, into any) error {
	body, err := store.Get(ctx, name)
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxNoteBytes+1))
	if err == nil && len(text) > maxNoteBytes {
		err = fmt.Errorf("%w: it is too long", ErrDamaged)
	}
	if err == nil {
		if wrong := json.Unmarshal(text, into); wrong != nil {
			err = fmt.Errorf("%w: %w", ErrDamaged, wrong)
		}
	}
	if err != nil {
		return fmt.Errorf("%s in %s cannot be read: %w", name, store.Name(), err)
	}
	return nil
}

// getSidecar reads and checks the sidecar of a segment.
func getSidecar(ctx context.Context, store target.Store, chain string, index int) (Sidecar, error) {
	var sidecar Sidecar
	name := sidecarName(chain, index)
	if err := getNote(ctx, store, name, &sidecar); err != nil {
		return sidecar, err
	}
	switch {
	case sidecar.Format != Format:
		return sidecar, formatError(name, sidecar.Format)
	case sidecar.Chain != chain || sidecar.Index != index:
		return sidecar, fmt.Errorf("%s in %s is of segment %d of the backup %q: %w", name, store.Name(), sidecar.Index, sidecar.Chain, ErrMixed)
	case sidecar.Bytes <= 0 || sidecar.Bytes > maxSealedBytes || sidecar.DataBytes < 0 || sidecar.DataBytes > MaxDataBytes:
		return sidecar, fmt.Errorf("%s in %s: %w: its sizes cannot be", name, store.Name(), ErrDamaged)
	}
	return sidecar, nil
}

func formatError(name string, format int) error {
	return fmt.Errorf("%s has format %d: %w: this program reads format %d; use the program of the version that made the backup",
		name, format, ErrFormat, Format)
}
