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
// is signed, 2.NUMBER.SIGNATURE, so that a client cannot make up one. From layout 3 on
// it names the history of the data too: 3.HISTORY.NUMBER.SIGNATURE.
//
// A token of another history makes a read strong: its commit was in the data that a
// restore has replaced, and is in the present data or lost. A token without a history
// is compared by its number alone. That is never wrong: a number that a node has not reached makes
// the read strong, and one of a lost commit that it has reached asks for nothing more
// than an honest read. Unsigned tokens are taken as long as clients may still hold them.
type tokens struct {
	secret []byte
	// signed reports whether the signed form may be issued: every version at work reads it.
	signed func() bool
	// named reports whether the form with the history may be issued.
	named func() bool
	// history is the id of the data's history, "" while it is not known.
	history func() string
	// only reports whether the signed form has been issued for so long that no other is taken.
	only func() bool
}

// unsignedFor is how long tokens of the form of before are taken after this replica has
// seen the layout with which they end. A token is of use for as long as a replica may
// be behind, which is seconds.
const unsignedFor = 10 * time.Minute

// What signed tokens begin with: those without and those with a history.
const (
	signedForm = "2."
	namedForm  = "3."
)

// signatureBytes are enough that to guess one takes longer than a token is good for.
const signatureBytes = 12

// issue gives the token of a commit.
func (t tokens) issue(seq int64) string {
	number := strconv.FormatInt(seq, 10)
	if !t.signed() {
		return number
	}
	if history := t.history(); history != "" && t.named() {
		number = history + "." + number
		return namedForm + number + "." + t.signature(number)
	}
	return signedForm + number + "." + t.signature(number)
}

// claim is what a token asks for.
type claim struct {
	seq int64
	// foreign says that the commit was one of another history.
	foreign bool
}

// read gives the claim of a token that this shop may have issued; false for any other.
func (t tokens) read(token string) (claim, bool) {
	number, history := token, ""
	var ours bool
	switch {
	case strings.HasPrefix(token, signedForm):
		number, ours = t.claimed(token[len(signedForm):])
	case strings.HasPrefix(token, namedForm):
		number, ours = t.claimed(token[len(namedForm):])
		history, number, _ = strings.Cut(number, ".")
		ours = ours && history != ""
	default:
		ours = !t.only()
	}
	seq, err := strconv.ParseInt(number, 10, 64)
	ours = ours && err == nil && seq >= 1 && strconv.FormatInt(seq, 10) == number
	return claim{seq: seq, foreign: history != "" && history != t.history()}, ours
}

// claimed gives what stands before a signature, and whether that is right.
func (t tokens) claimed(signed string) (string, bool) {
	at := strings.LastIndexByte(signed, '.')
	if at < 0 {
		return "", false
	}
	return signed[:at], hmac.Equal([]byte(signed[at+1:]), []byte(t.signature(signed[:at])))
}

func (t tokens) signature(signed string) string {
	h := hmac.New(sha256.New, t.secret)
	h.Write([]byte("consistency-token\x00" + signed))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:signatureBytes])
}

// consistency tells the reads of a request how strong they have to be, and the
// client what came of them: `Cache-Control: no-cache` makes a read as strong as
// a write, a Consistency-Token makes it see at least that write, and an answer
// that is older than the bound, for want of a primary, says its Age. Until the caller
// is known, strong reads are those of an address; strong gives their limit. Its writes may use the reserve of
// memory if the caller is an admin.
func (t tokens) consistency(strong func(*gin.Context) (address string, allow func() error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		reading := redisdb.Reading{
			OfWrite: c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead,
			Wrote: func(seq int64) {
				c.Header(consistencyToken, t.issue(seq))
				web.Unsure(c) // what fails from here on fails after a write
			},
		}
		if c.Request.Method == http.MethodGet {
			// What a write answers is never old, though it may have read on its way,
			// its caller's session for one.
			reading.Stale = func(age time.Duration) { c.Header("Age", strconv.Itoa(int(age.Seconds()))) }
			reading.Strong = wantsPresent(c)
			reading.Reader = redisdb.ReaderAnonymous
			reading.Caller, reading.Allow = strong(c)
			if sent := c.Request.Header.Values(consistencyToken); len(sent) > 0 {
				claim, ours := t.read(sent[0])
				if !ours || len(sent) > 1 {
					web.Fail(c, redisdb.ErrBadToken)
					return
				}
				if reading.AtLeast = claim.seq; claim.foreign {
					reading.Strong, reading.AtLeast = true, 0
				}
			}
		}
		ctx := redisdb.WithReading(c.Request.Context(), reading)
		c.Request = c.Request.WithContext(redisdb.WithReserve(ctx, func() bool { return web.Caller(c).IsAdmin() }))
	}
}

func wantsPresent(c *gin.Context) bool {
	return strings.Contains(c.GetHeader("Cache-Control"), "no-cache")
}

// ofStrongReads has check look at a read of a public route only if the read may ride
// in a commit group and says whose it is. Those without a session are limited per
// address; all other reads save the look at the session.
func ofStrongReads(check gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		if (wantsPresent(c) || c.GetHeader(consistencyToken) != "") && c.GetHeader("Authorization") != "" {
			check(c)
		}
	}
}

// known has what follows on check read for the caller that check has found.
func known(check gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		check(c)
		who := web.Caller(c)
		if c.IsAborted() || who.UserID == "" || c.Request.Method != http.MethodGet {
			return
		}
		reader := redisdb.ReaderCustomer
		if who.IsAdmin() {
			reader = redisdb.ReaderAdmin
		}
		c.Request = c.Request.WithContext(redisdb.ForReader(c.Request.Context(), reader, who.UserID))
	}
}
