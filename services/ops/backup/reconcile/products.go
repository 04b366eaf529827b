package reconcile

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json"

	"evergreen/services/internal/redisdb"
	"evergreen/services/ops/redisnode"
)

// listProducts reads the list of all products.
func (c *checker) listProducts() error {
	var ids []id
	err := c.eachMember(redisdb.KeyProducts(), func(member string) {
		product, ok := parseID(member)
		if !ok {
			c.wrong("%s has %.60q, which is no id", redisdb.KeyProducts(), member)
			return
		}
		ids = append(ids, product)
	})
	c.products.set(ids)
	return err
}

// eachMember visits the members of a sorted set.
func (c *checker) eachMember(key string, visit func(member string)) error {
	for at := 0; ; at += batch {
		reply, err := c.node.Do(c.ctx, "ZRANGE", key, at, at+batch-1)
		if err != nil {
			return err
		}
		members := redisnode.Texts(reply)
		for _, member := range members {
			visit(member)
		}
		if len(members) < batch {
			return nil
		}
	}
}

// listing is what a stored body says of the lists that the product stands in.
type listing struct {
	ID       string   `json:"id"`
	SKU      string   `json:"sku"`
	Family   string   `json:"family"`
	Category string   `json:"category"`
	Tags     []string `json:"tags"`
	Version  int64    `json:"version"`
}

func (l listing) keys() []string {
	var keys []string
	if l.Family != "" {
		keys = append(keys, redisdb.KeyProductsBy("family", l.Family))
	}
	if l.Category != "" {
		keys = append(keys, redisdb.KeyProductsBy("category", l.Category))
	}
	for _, tag := range l.Tags {
		keys = append(keys, redisdb.KeyProductsBy("tag", tag))
	}
	return keys
}

func (c *checker) productsOf(ids []string) error {
	replies, err := c.ask(ids, func(id string) redisnode.Command {
		return redisnode.Command{"HMGET", redisdb.KeyProduct(id), "initial", "adjusted", "sold", "returned", "stock", "version", "body"}
	})
	if err != nil {
		return err
	}
	var questions []question
	for i, text := range ids {
		c.report.Products++
		product, ok := parseID(text)
		if !ok || !c.products.has(product) {
			c.wrong("product %.60q is not in %s", text, redisdb.KeyProducts())
			continue
		}
		questions = append(questions, c.product(text, product, redisnode.Texts(replies[i]))...)
	}
	return c.hold(questions)
}

// product holds one product's ledger, and gives what its lists are asked.
func (c *checker) product(text string, product id, fields []string) []question {
	var n [6]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			c.wrong("product %s: its ledger or version has %.40q, which is no number", text, fields[i])
			return nil
		}
	}
	initial, adjusted, sold, returned, stock, version := n[0], n[1], n[2], n[3], n[4], n[5]
	if should := initial + adjusted - sold + returned; stock != should || stock < 0 {
		c.wrong("product %s: the stock is %d, and initial %d + adjusted %d - sold %d + returned %d = %d",
			text, stock, initial, adjusted, sold, returned, should)
	}
	c.products.sold(product, sold-returned)

	var body listing
	if err := json.Unmarshal([]byte(fields[6]), &body); err != nil {
		c.wrong("product %s: its body cannot be read: %v", text, err)
		return nil
	}
	if body.ID != text || body.Version != version {
		c.wrong("product %s: its body is of product %.60q, version %d, and its version is %d", text, body.ID, body.Version, version)
	}
	var questions []question
	if body.SKU != "" {
		c.counts.skus++
		questions = append(questions, c.leads(redisdb.KeyProductSKU(body.SKU), text))
	}
	for _, list := range body.keys() {
		c.counts.listed++
		questions = append(questions, c.within(list, text, "product"))
	}
	return questions
}

// leads asks whether a key holds the id of an object.
func (c *checker) leads(key, id string) question {
	return question{redisnode.Command{"GET", key}, func(reply any) {
		if got := redisnode.Text(reply); got != id {
			c.wrong("%s leads to %.60q and should lead to %s", key, got, id)
		}
	}}
}

func (c *checker) adjustmentsOf(ids []string) error {
	for _, text := range ids {
		if product, ok := parseID(text); !ok || !c.products.has(product) {
			c.wrong("%s is of a product that does not exist", redisdb.KeyProductAdjustments(text))
		}
	}
	return nil
}

func (c *checker) skusOf(skus []string) error {
	c.counts.skuKeys += int64(len(skus))
	replies, err := c.ask(skus, func(sku string) redisnode.Command { return redisnode.Command{"GET", redisdb.KeyProductSKU(sku)} })
	if err != nil {
		return err
	}
	for i, sku := range skus {
		if product, ok := parseID(redisnode.Text(replies[i])); !ok || !c.products.has(product) {
			c.wrong("%s leads to %.60q, a product that does not exist", redisdb.KeyProductSKU(sku), redisnode.Text(replies[i]))
		}
	}
	return nil
}

func (c *checker) productsBy(parts []string) error {
	for _, part := range parts {
		key := redisdb.KeyProductsBy(part, "")
		key = key[:len(key)-1] // part has the filter and the value
		err := c.eachMember(key, func(member string) {
			c.counts.inProductsBys++
			if product, ok := parseID(member); !ok || !c.products.has(product) {
				c.wrong("%s has %.60q, a product that does not exist", key, member)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lists holds the sizes of lists against the objects that were found in them.
func (c *checker) lists() error {
	var questions []question
	size := func(key string, should int64, what string) {
		questions = append(questions, question{redisnode.Command{"ZCARD", key}, func(reply any) {
			if is, _ := reply.(int64); is != should {
				c.wrong("%s has %d entries, and there are %d %s", key, is, should, what)
			}
		}})
	}
	size(redisdb.KeyUsers(), c.report.Users, "users")
	size(redisdb.KeyPurchases("pending"), c.counts.pending, "pending purchases")
	size(redisdb.KeyReservations(), c.counts.pending, "pending purchases")
	size(redisdb.KeyPurchases("paid"), c.counts.paid, "paid purchases")
	if c.report.Layout >= 3 {
		size(redisdb.KeyAllPurchases(), c.report.Purchases, "purchases")
	}
	for _, count := range []struct {
		name       string
		is, should int64
	}{
		{"entries in the lists of users' purchases and purchases", c.counts.inUserLists, c.report.Purchases},
		{"emails and users", c.counts.emails, c.report.Users},
		{"SKUs and products with one", c.counts.skuKeys, c.counts.skus},
		{"entries in lists of products and places in them", c.counts.inProductsBys, c.counts.listed},
	} {
		if count.is != count.should {
			c.wrong("%s", fmt.Sprintf("%s: %d and %d", count.name, count.is, count.should))
		}
	}
	return c.hold(questions)
}
