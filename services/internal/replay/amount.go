package replay

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// currency is that of the invoices, which name none.
const currency = "GBP"

var (
	errNoAmount        = errors.New("no amount of money")
	errFinerThanAPenny = errors.New("finer than a penny")
)

var decimal = regexp.MustCompile(`^-?\d*(\.\d*)?$`)

// pence reads a decimal number of pounds exactly, without a float on the way.
func pence(text string) (int64, error) {
	if !decimal.MatchString(text) || !strings.ContainsAny(text, "0123456789") {
		return 0, errNoAmount
	}
	pounds, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > 2 {
		return 0, errFinerThanAPenny
	}
	// The sign is part of the pounds, so -0.50 becomes -050.
	amount, err := strconv.ParseInt(pounds+(fraction + "00")[:2], 10, 64)
	if err != nil {
		return 0, errNoAmount
	}
	return amount, nil
}

// pounds writes an amount of pence, 0 or more, as people read it.
func pounds(pence int64) string { return fmt.Sprintf("%d.%02d", pence/100, pence%100) }
