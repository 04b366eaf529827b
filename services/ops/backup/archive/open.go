package archive

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"evergreen/services/ops/backup/target"
)

// Check reads a segment back from a target and compares it with its sidecar. It needs no key.
func Check(ctx context.Context, store target.Store, sidecar Sidecar) error {
	return readSealed(ctx, store, sidecar, func(sealed io.Reader) error {
		_, err := io.Copy(io.Discard, sealed)
		return err
	})
}

// CheckSidecar reads a sidecar back from a target and compares it with what was put.
func CheckSidecar(ctx context.Context, store target.Store, sidecar Sidecar) error {
	found, err := getSidecar(ctx, store, sidecar.Chain, sidecar.Index)
	if errors.Is(err, target.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err == nil && found != sidecar {
		err = fmt.Errorf("%s in %s: %w: it has another text than was put", sidecarName(sidecar.Chain, sidecar.Index), store.Name(), ErrDamaged)
	}
	return err
}

// readSealed gives the encrypted bytes of a segment to use, and compares them with the
// sidecar in any case: damage explains best why they could not be used.
func readSealed(ctx context.Context, store target.Store, sidecar Sidecar, use func(io.Reader) error) error {
	name := segmentName(sidecar.Chain, sidecar.Index)
	body, err := store.Get(ctx, name)
	if errors.Is(err, target.ErrNotFound) {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err != nil {
		return err
	}
	defer body.Close()
	seen := &meter{to: io.Discard, sum: sha256.New()}
	bounded := io.TeeReader(&limited{from: body, left: sidecar.Bytes}, seen)
	usage := use(bounded)
	_, rest := io.Copy(io.Discard, bounded)
	switch {
	case errors.Is(rest, errTooLong), rest == nil && seen.bytes != sidecar.Bytes:
		return fmt.Errorf("%s in %s: %w: it has %d bytes or more in place of %d", name, store.Name(), ErrDamaged, seen.bytes, sidecar.Bytes)
	case rest != nil:
		return fmt.Errorf("read %s in %s: %w", name, store.Name(), rest)
	case hex.EncodeToString(seen.sum.Sum(nil)) != sidecar.SHA256:
		return fmt.Errorf("%s in %s: %w: its SHA-256 differs from that in its sidecar", name, store.Name(), ErrDamaged)
	case usage != nil:
		return fmt.Errorf("%s in %s: %w", name, store.Name(), explain(usage))
	}
	return nil
}

// limited reads at most left bytes; one more is an error, now and later.
type limited struct {
	from io.Reader
	left int64
}

func (l *limited) Read(into []byte) (int, error) {
	if l.left < 0 {
		return 0, errTooLong
	}
	n, err := l.from.Read(into[:min(int64(len(into)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		return n - 1, errTooLong
	}
	return n, err
}

// open decrypts a segment, gives its header to accept and its data to the writer that accept
// returns. It gives the SHA-256 of the plain text.
func open(sealed io.Reader, identities []age.Identity, accept func(Header) (io.Writer, error)) (string, error) {
	decrypted, err := age.Decrypt(sealed, identities...)
	if err != nil {
		return "", err
	}
	decompressed, err := zstd.NewReader(decrypted, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxWindow(16<<20), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return "", err
	}
	defer decompressed.Close()
	plain := sha256.New()
	text := bufio.NewReaderSize(io.TeeReader(decompressed, plain), maxHeaderBytes)
	header, err := readHeader(text)
	if err != nil {
		return "", err
	}
	to, err := accept(header)
	if err != nil {
		return "", err
	}
	if _, err := io.CopyN(to, text, header.Length); err != nil {
		return "", fmt.Errorf("its data end early or cannot be written: %w", err)
	}
	if n, err := io.CopyN(io.Discard, text, 1); n > 0 || !errors.Is(err, io.EOF) {
		return "", errors.Join(errors.New("it has more data than its header says"), err)
	}
	return hex.EncodeToString(plain.Sum(nil)), nil
}

func readHeader(text *bufio.Reader) (header Header, err error) {
	line, err := text.ReadSlice('\n')
	if err != nil {
		return header, fmt.Errorf("it does not begin with a header: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	if err := decoder.Decode(&header); err != nil {
		return header, fmt.Errorf("its header cannot be read: %w", err)
	}
	return header, nil
}
