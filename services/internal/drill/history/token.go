package history

import (
	"strconv"
	"strings"
)

// Number is the number of the commit in a Consistency-Token; 0 where there is no token. Its forms are
// NUMBER before layout 2, 2.NUMBER.SIGNATURE, and from layout 3 on 3.HISTORY.NUMBER.SIGNATURE.
func Number(token string) int64 {
	parts := strings.Split(token, ".")
	switch {
	case parts[0] == "2" && len(parts) == 3:
		token = parts[1]
	case parts[0] == "3" && len(parts) == 4:
		token = parts[2]
	}
	n, err := strconv.ParseInt(token, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
