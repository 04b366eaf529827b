package app

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/redisdb"
	"evergreen/services/internal/web"
)

// consistencyToken is the header of read-your-writes: a write's answer carries
// it, and a read that sends it back sees that write.
const consistencyToken = "Consistency-Token"

// tokens makes and reads them. A token is the number of a commit. From layout 2 on it
// is signed, 2.NUMBER.SIGNATURE, so that a client cannot make up one; the parts
// between the form's number and the signature may become more. Both forms are taken:
// clients still hold tokens of before.
type tokens struct {
	secret []byte
	// signed reports whether the signed form may be issued: every version at work reads it.
	signed func() bool
}

// signedForm begins a signed token.
const signedForm = "2."

// signatureBytes are enough that to guess one takes longer than a token is good for.
const signatureBytes = 12

// issue gives the token of a commit.
func (t tokens) issue(seq int64) string {
	number := strconv.FormatInt(seq, 10)
	if !t.signed() {
		return number
	}
	return signedForm + number + "." + t.signature(number)
}

// read gives the number of a token that this shop may have issued; false for any other.
func (t tokens) read(token string) (int64, bool) {
	number := token
	if rest, signed := strings.CutPrefix(token, signedForm); signed {
		claimed, signature, _ := strings.Cut(rest, ".")
		if !hmac.Equal([]byte(signature), []byte(t.signature(claimed))) {
			return 0, false
		}
		number = claimed
	}
	seq, err := strconv.ParseInt(number, 10, 64)
	return seq, err == nil && seq >= 1 && strconv.FormatInt(seq, 10) == number
}

func (t tokens) signature(signed string) string {
	h := hmac.New(sha256.New, t.secret)
	h.Write([]byte("consistency-token\x00" + signed))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:signatureBytes])
}

// consistency tells the reads of a request how strong they have to be, and the
// client what came of them: `Cache-Control: no-cache` makes a read as strong as
// a write, a Consistency-Token makes it see at least that write, and an answer
// that is older than the bound, for want of a primary, says its Age.
func (t tokens) consistency(c *gin.Context) {
	reading := redisdb.Reading{
		Wrote: func(seq int64) {
			c.Header(consistencyToken, t.issue(seq))
			web.Unsure(c) // what fails from here on fails after a write
		},
	}
	if c.Request.Method == http.MethodGet {
		// What a write answers is never old, though it may have read on its way,
		// its caller's session for one.
		reading.Stale = func(age time.Duration) { c.Header("Age", strconv.Itoa(int(age.Seconds()))) }
		reading.Strong = strings.Contains(c.GetHeader("Cache-Control"), "no-cache")
		if sent := c.Request.Header.Values(consistencyToken); len(sent) > 0 {
			seq, ours := t.read(sent[0])
			if !ours || len(sent) > 1 {
				web.Fail(c, redisdb.ErrBadToken)
				return
			}
			reading.AtLeast = seq
		}
	}
	c.Request = c.Request.WithContext(redisdb.WithReading(c.Request.Context(), reading))
}
