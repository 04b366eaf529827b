package reconcile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/tinylib/msgp/msgp"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/redisnode"
)

// line is one line of a purchase.
type line struct {
	product       id
	pieces, price int64
}

var errLines = errors.New("its lines cannot be read")

func (c *checker) purchasesOf(ids []string) error {
	replies, err := c.ask(ids, func(id string) redisnode.Command {
		return redisnode.Command{"HMGET", redisdb.KeyPurchase(id),
			"user", "status", "version", "lines", "items", "refunded", "external_ref", "total"}
	})
	if err != nil {
		return err
	}
	var questions []question
	for i, id := range ids {
		c.report.Purchases++
		c.report.NewestPurchase = max(c.report.NewestPurchase, id)
		fields := redisnode.Texts(replies[i])
		c.ledger(id, fields)
		questions = append(questions, c.places(id, fields[0], fields[1], fields[6])...)
	}
	return c.hold(questions)
}

// withCustomer says, for each status, whether the pieces that were not refunded are out of stock.
var withCustomer = map[string]bool{
	"pending": true, "paid": true, "fulfilled": true, "refunded": false, "cancelled": false, "expired": false,
}

// ledger notes the pieces of one purchase.
func (c *checker) ledger(id string, fields []string) {
	status, version, total := fields[1], fields[2], fields[7]
	out, known := withCustomer[status]
	if n, err := strconv.ParseInt(version, 10, 64); !known || err != nil || n < 1 {
		c.wrong("purchase %s: its status is %.40q and its version %.40q", id, status, version)
		return
	}
	lines, err := linesOf(fields[3], fields[4])
	if err != nil {
		c.wrong("purchase %s: %v", id, err)
		return
	}
	refunded, err := numbers(fields[5], len(lines))
	if err != nil {
		c.wrong("purchase %s: its refunded pieces are %.60q: %v", id, fields[5], err)
		return
	}
	var sum int64
	for i, l := range lines {
		sum += l.pieces * l.price
		if l.pieces < 1 || refunded[i] < 0 || refunded[i] > l.pieces {
			c.wrong("purchase %s: line %d has %d pieces, and %d are refunded", id, i+1, l.pieces, refunded[i])
		}
		if out {
			c.products.bought(l.product, l.pieces-refunded[i])
		}
	}
	if strconv.FormatInt(sum, 10) != total {
		c.wrong("purchase %s: its lines make %d, and its total is %.40q", id, sum, total)
	}
	switch status {
	case "pending":
		c.counts.pending++
	case "paid":
		c.counts.paid++
	}
}

// places asks for what refers to one purchase, and what it refers to.
func (c *checker) places(id, user, status, ref string) []question {
	questions := []question{
		c.within(redisdb.KeyUserPurchases(user), id, "purchase"),
		c.exists(redisdb.KeyUser(user), "purchase "+id),
	}
	if c.report.Layout >= 3 {
		questions = append(questions, c.within(redisdb.KeyAllPurchases(), id, "purchase"))
	}
	if status == "pending" || status == "paid" {
		questions = append(questions, c.within(redisdb.KeyPurchases(status), id, "purchase"))
	}
	if status == "pending" {
		questions = append(questions, c.within(redisdb.KeyReservations(), id, "purchase"))
	}
	if ref != "" {
		questions = append(questions, c.leads(redisdb.KeyPurchaseRef(ref), id))
	}
	return questions
}

// exists asks for an object that another one refers to.
func (c *checker) exists(key, by string) question {
	return question{redisnode.Command{"EXISTS", key}, func(reply any) {
		if n, _ := reply.(int64); n == 0 {
			c.wrong("%s refers to %s, which does not exist", by, key)
		}
	}}
}

func (c *checker) boughtBy(users []string) error {
	replies, err := c.ask(users, func(user string) redisnode.Command {
		return redisnode.Command{"ZCARD", redisdb.KeyUserPurchases(user)}
	})
	for _, reply := range replies {
		size, _ := reply.(int64)
		c.counts.inUserLists += size
	}
	return err
}

// linesOf reads the lines of a purchase in either form; purchases/packed.go describes them.
func linesOf(packed, items string) ([]line, error) {
	if packed != "" {
		return unpack([]byte(packed))
	}
	var found []struct {
		Product  string `json:"product_id"`
		Quantity int64  `json:"quantity"`
		Price    struct {
			Amount int64 `json:"amount"`
		} `json:"unit_price"`
	}
	if err := json.Unmarshal([]byte(items), &found); err != nil {
		return nil, fmt.Errorf("%w: %w", errLines, err)
	}
	lines := make([]line, len(found))
	for i, f := range found {
		product, ok := parseID(f.Product)
		if !ok {
			return nil, fmt.Errorf("%w: line %d is of %.60q", errLines, i+1, f.Product)
		}
		lines[i] = line{product, f.Quantity, f.Price.Amount}
	}
	return lines, nil
}

// leastValues is how many values a packed line has at least: product, pieces, price.
const leastValues = 3

func unpack(packed []byte) ([]line, error) {
	values, packed, err := msgp.ReadArrayHeaderBytes(packed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errLines, err)
	}
	each, packed, err := msgp.ReadIntBytes(packed)
	if err != nil || each < leastValues || values == 0 || int(values-1)%each != 0 || int(values) > len(packed)+1 {
		return nil, fmt.Errorf("%w: %d values, %d for each", errLines, values, each)
	}
	lines := make([]line, int(values-1)/each)
	for i := range lines {
		if packed, err = unpackLine(packed, each, &lines[i]); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", errLines, i+1, err)
		}
	}
	return lines, nil
}

func unpackLine(packed []byte, each int, l *line) ([]byte, error) {
	text, packed, err := msgp.ReadStringZC(packed)
	if err != nil || len(text) != len(l.product) {
		return nil, errors.Join(errLines, err)
	}
	copy(l.product[:], text)
	if l.pieces, packed, err = msgp.ReadInt64Bytes(packed); err != nil {
		return nil, err
	}
	if l.price, packed, err = msgp.ReadInt64Bytes(packed); err != nil {
		return nil, err
	}
	for range each - leastValues {
		if packed, err = msgp.Skip(packed); err != nil {
			return nil, err
		}
	}
	return packed, nil
}

// numbers reads a comma-separated list of so many numbers; "" is a list of zeros.
func numbers(text string, n int) ([]int64, error) {
	found := make([]int64, n)
	if text == "" {
		return found, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) != n {
		return nil, fmt.Errorf("%d numbers for %d lines", len(parts), n)
	}
	for i, part := range parts {
		var err error
		if found[i], err = strconv.ParseInt(part, 10, 64); err != nil {
			return nil, err
		}
	}
	return found, nil
}
