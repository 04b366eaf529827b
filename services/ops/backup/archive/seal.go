package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// Sealer makes the segments of one chain, one after the other.
type Sealer struct {
	chain        string
	fullSegments int
	recipients   []age.Recipient
	next         int
	previous     string
}

// NewSealer begins a chain whose full backup has some segments.
func NewSealer(chain string, fullSegments int, recipients []age.Recipient) *Sealer {
	return &Sealer{chain: chain, fullSegments: fullSegments, recipients: recipients}
}

// Encrypt changes to whom the next segments are encrypted.
func (s *Sealer) Encrypt(recipients []age.Recipient) { s.recipients = recipients }

// Piece is what a segment has of a file.
type Piece struct {
	File           string
	Offset, Length int64
}

// Seal writes the next segment to w. After an error the same segment can be made again.
func (s *Sealer) Seal(w io.Writer, piece Piece, state State, data io.Reader) (Sidecar, error) {
	if piece.Length < 0 || piece.Length > MaxDataBytes {
		return Sidecar{}, fmt.Errorf("a segment of %d bytes", piece.Length)
	}
	header := Header{
		Format: Format, Chain: s.chain, Index: s.next, Previous: s.previous, FullSegments: s.fullSegments,
		File: piece.File, Offset: piece.Offset, Length: piece.Length, State: state,
	}
	sealed, plain := &meter{to: w, sum: sha256.New()}, sha256.New()
	if err := s.seal(sealed, plain, header, data); err != nil {
		return Sidecar{}, fmt.Errorf("make segment %d of %s: %w", s.next, s.chain, err)
	}
	s.next++
	s.previous = hex.EncodeToString(plain.Sum(nil))
	return Sidecar{
		Format: Format, Chain: s.chain, Index: header.Index, SHA256: hex.EncodeToString(sealed.sum.Sum(nil)), Bytes: sealed.bytes,
		DataBytes: header.Length, Sequence: state.Sequence, HeartbeatMillis: state.HeartbeatMillis,
	}, nil
}

func (s *Sealer) seal(w, plain io.Writer, header Header, data io.Reader) (err error) {
	encrypted, err := age.Encrypt(w, s.recipients...)
	if err != nil {
		return err
	}
	compressed, err := zstd.NewWriter(encrypted, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	defer compressed.Close()
	both := io.MultiWriter(plain, compressed)
	line, err := json.Marshal(header)
	if err == nil {
		_, err = both.Write(append(line, '\n'))
	}
	if err == nil {
		_, err = io.CopyN(both, data, header.Length)
	}
	if err != nil {
		return err
	}
	if err := compressed.Close(); err != nil {
		return err
	}
	return encrypted.Close()
}

// meter counts and hashes what passes.
type meter struct {
	to    io.Writer
	sum   hash.Hash
	bytes int64
}

func (m *meter) Write(text []byte) (int, error) {
	n, err := m.to.Write(text)
	m.bytes += int64(n)
	_, _ = m.sum.Write(text[:n]) // It never fails.
	return n, err
}

// errTooLong says that a file has more bytes than its sidecar says.
var errTooLong = errors.New("it has more bytes than its sidecar says")
