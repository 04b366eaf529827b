package faults_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// firstInvoices is how many invoices of the real shop are sold.
const firstInvoices = 100

// invoice is one of a real shop's invoices, as far as it sells anything.
type invoice struct {
	number string
	lines  []invoiceLine
}

// invoiceLine is what an invoice says about one stock code at one price; lines
// that agree in both are one.
type invoiceLine struct {
	code     string
	quantity int64
	price    int64 // pence
}

func (i invoice) total() (pence int64) {
	for _, line := range i.lines {
		pence += line.quantity * line.price
	}
	return pence
}

// article is a stock code with what the first line that names it says.
type article struct {
	code, name string
	price      int64 // pence
	sold       int64 // pieces, over all invoices
}

// invoices is what is read of the file.
type invoices struct {
	list     []invoice
	articles []*article // in the order of their first lines
	byCode   map[string]*article
	leftOut  map[string]int // lines, by why
}

// readInvoices reads the first invoices that sell something; it skips the test
// where the real data does not lie beside the repository.
func readInvoices(t *testing.T, root string) invoices {
	t.Helper()
	file, err := os.Open(filepath.Join(root, "..", "shared", "data", "online-retail-10k.csv"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("*skipped*: ../shared/data/online-retail-10k.csv is not there")
	}
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	rows := csv.NewReader(file)
	rows.LazyQuotes = true // inches stand in fields without quotes: RECORD FRAME 7" SINGLE SIZE
	header, err := rows.Read()
	require.NoError(t, err)

	read := invoices{byCode: map[string]*article{}, leftOut: map[string]int{}}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return read
		}
		require.NoError(t, err)
		of := func(name string) string { return row[slices.Index(header, name)] }
		full, err := read.add(of)
		require.NoError(t, err)
		if full {
			return read
		}
	}
}

// add takes a line in, unless it sells nothing; full says that it belongs to an
// invoice too many.
func (r *invoices) add(of func(name string) string) (full bool, err error) {
	quantity, err := strconv.ParseInt(of("Quantity"), 10, 64)
	if err != nil {
		return false, err
	}
	price, err := pence(of("UnitPrice"))
	if err != nil {
		return false, err
	}
	name := strings.TrimSpace(of("Description"))
	if why := sellsNothing(of("InvoiceNo"), name, quantity, price); why != "" {
		r.leftOut[why]++
		return false, nil
	}
	if len(r.list) == 0 || r.list[len(r.list)-1].number != of("InvoiceNo") {
		if len(r.list) == firstInvoices {
			return true, nil
		}
		r.list = append(r.list, invoice{number: of("InvoiceNo")})
	}
	r.list[len(r.list)-1].add(invoiceLine{code: of("StockCode"), quantity: quantity, price: price})
	// Stock codes that differ in case alone are different articles.
	known := r.byCode[of("StockCode")]
	if known == nil {
		known = &article{code: of("StockCode"), name: name, price: price}
		r.byCode[known.code], r.articles = known, append(r.articles, known)
	}
	known.sold += quantity
	return false, nil
}

func (i *invoice) add(line invoiceLine) {
	for at := range i.lines {
		if i.lines[at].code == line.code && i.lines[at].price == line.price {
			i.lines[at].quantity += line.quantity
			return
		}
	}
	i.lines = append(i.lines, line)
}

func sellsNothing(number, name string, quantity, price int64) string {
	switch {
	case strings.HasPrefix(number, "C"):
		return "cancellation"
	case quantity <= 0:
		return "no quantity"
	case price <= 0:
		return "no price"
	case name == "":
		return "no description"
	}
	return ""
}

// pence reads a decimal number of pounds exactly, without a float on the way.
func pence(text string) (int64, error) {
	pounds, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > 2 {
		return 0, fmt.Errorf("%q has parts of a penny", text)
	}
	return strconv.ParseInt(pounds+(fraction + "00")[:2], 10, 64)
}
