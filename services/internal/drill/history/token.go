package history

import (
	"strconv"
	"strings"
)

// Number is the number of the commit in a Consistency-Token, in its form of before layout
// 2 or in the signed one, 2.NUMBER.SIGNATURE; 0 where there is no token.
func Number(token string) int64 {
	if rest, signed := strings.CutPrefix(token, "2."); signed {
		token, _, _ = strings.Cut(rest, ".")
	}
	n, err := strconv.ParseInt(token, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
