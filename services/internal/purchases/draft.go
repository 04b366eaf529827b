package purchases

import "evergreen/services/internal/products"

// draft is a purchase as it would be at the prices that were read. The script
// takes it only if every product is still the version that it was made from, so
// money is computed here, in integers, and never in Lua.
type draft struct {
	frozen
	products []string // each once, in the order of their first lines
	versions []int64  // 0: not found
	updated  []int64  // when each was last changed, ms
	pieces   []int64  // over all lines of the product
	most     []int64  // max_per_customer of the product; 0: none
	bytes    int      // what it takes in the store, about
	refusal  int      // what the draft itself already rules out, or 0
	spare    string   // the share of a day that is used up, so that no refusal may be remembered, or ""
}

// newDraft freezes names and prices of merged lines; catalogue is the products
// of distinct(lines).
func newDraft(lines []Line, catalogue []products.Product) draft {
	n := len(catalogue)
	d := draft{products: distinct(lines), versions: make([]int64, n), updated: make([]int64, n), pieces: make([]int64, n), most: make([]int64, n)}
	at := make(map[string]int, len(catalogue))
	for i, p := range catalogue {
		at[d.products[i]], d.versions[i], d.updated[i], d.most[i] = i, p.Version, p.Updated, p.MaxPerCustomer
	}
	for _, line := range lines {
		i := at[line.ProductID]
		d.pieces[i] += line.Quantity
		d.add(line, catalogue[i])
	}
	return d
}

func (d *draft) add(line Line, p products.Product) {
	item := Item{ProductID: line.ProductID, Name: p.Name, Quantity: line.Quantity, UnitPrice: p.Price}
	if line.UnitPrice != nil {
		item.UnitPrice = *line.UnitPrice
	}
	d.Items = append(d.Items, item)
	if p.Version == 0 || d.refusal != 0 {
		return
	}
	if d.Total.Currency == "" {
		d.Total.Currency = item.UnitPrice.Currency
	}
	if item.UnitPrice.Currency != d.Total.Currency {
		d.refusal = codeCurrencies
		return
	}
	sum, err := item.UnitPrice.Times(item.Quantity)
	if err == nil {
		sum, err = d.Total.Plus(sum)
	}
	if err != nil {
		d.refusal = codeTotal
		return
	}
	d.Total = sum
}

// distinct gives the products of lines, each once.
func distinct(lines []Line) []string {
	seen, ids := map[string]bool{}, []string{}
	for _, line := range lines {
		if !seen[line.ProductID] {
			seen[line.ProductID] = true
			ids = append(ids, line.ProductID)
		}
	}
	return ids
}
