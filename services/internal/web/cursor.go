package web

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"evergreen/services/internal/fault"
)

// Cursors makes and reads the cursors of lists. A cursor says where a page ended. It has two forms, both in
// base64url: the id as text, until layout 3; from then on the 16 bytes of the id and the 8 of the history. A list
// goes on only in the history in which it began: after a restore its next page could leave out what is there again.
// The zero Cursors knows the first form alone.
type Cursors struct {
	// History is the id of the data's history in hexadecimal characters, "" while it is not known.
	History func() string
	// Short reports whether the second form may be issued: every version at work reads it.
	Short func() bool
	// Only reports whether the second form has been issued for so long that no other is taken.
	Only func() bool
}

// historyBytes is the length of a history's id.
const historyBytes = 8

// Use makes them the cursors of the requests that follow.
func (s Cursors) Use(c *gin.Context) { c.Set(contextCursors, s) }

func cursorsOf(c *gin.Context) Cursors {
	s, _ := c.Value(contextCursors).(Cursors)
	return s
}

// issue gives the cursor of a page that ended with an id.
func (s Cursors) issue(last string) string {
	id, err := uuid.Parse(last)
	history := s.history()
	if err != nil || len(history) != historyBytes || !s.Short() {
		return base64.RawURLEncoding.EncodeToString([]byte(last))
	}
	return base64.RawURLEncoding.EncodeToString(append(id[:], history...))
}

// history gives the bytes of the history's id.
func (s Cursors) history() []byte {
	if s.History == nil {
		return nil
	}
	history, _ := hex.DecodeString(s.History())
	return history
}

// read gives the id that a cursor names.
func (s Cursors) read(cursor string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	canonical := err == nil && base64.RawURLEncoding.EncodeToString(raw) == cursor
	switch {
	case canonical && len(raw) == len(uuid.UUID{})+historyBytes:
		if !bytes.Equal(raw[len(uuid.UUID{}):], s.history()) {
			return "", outdated()
		}
		return uuid.UUID(raw[:len(uuid.UUID{})]).String(), nil
	case canonical && IsID(string(raw)):
		if s.Only != nil && s.Only() {
			return "", outdated()
		}
		return string(raw), nil
	}
	return "", fault.BadParameter("cursor", "bad-cursor", "This cursor is not one that a list gave out.")
}

func outdated() error {
	return fault.New(fault.Gone, "cursor-outdated",
		"This cursor is of before the shop was restored from a backup, or upgraded. Begin the list anew, without a cursor.")
}
