package replay

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Line is one line of the file that could be read; whether it may be replayed is
// the plan's to say.
type Line struct {
	// Number counts the file's lines from 1; the header is line 1.
	Number int
	// Invoice is the invoice's number. One that begins with C cancels.
	Invoice string
	// Code is the stock code; codes that differ in case alone are different goods.
	Code string
	Name string
	// Pieces are below zero where something comes back.
	Pieces int64
	// Price is of one piece, in pence.
	Price int64
	// Customer is "" where the file names none.
	Customer string
}

func (l Line) cancels() bool { return strings.HasPrefix(l.Invoice, "C") }

// The longest texts that are read as what they should be, in bytes. Real ones
// have a dozen at most; a customer becomes the local part of an address (64 bytes).
const (
	longestInvoice  = 50
	longestCode     = 64
	longestCustomer = 18
)

// longestName is what the API takes for a product's name, in characters.
const longestName = 200

// columns are the fields that a replay needs; a file may have more, in any order.
var columns = []string{"InvoiceNo", "StockCode", "Description", "Quantity", "UnitPrice", "CustomerID"}

// Read reads invoices as CSV. A line that cannot be read is rejected by itself:
// each is taken as a record of its own, so that a lonely quote, which in CSV
// reaches to the next one, spoils its own line and not the hundred after it.
// Empty lines do not count. The error is about the file as a whole.
func Read(file io.Reader) (lines []Line, rejected []Rejection, err error) {
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	var header []string
	for number := 1; scanner.Scan(); number++ {
		text := strings.TrimPrefix(scanner.Text(), "\ufeff")
		switch {
		case header == nil:
			if header, err = readHeader(text); err != nil {
				return nil, nil, err
			}
		case strings.TrimSpace(text) != "":
			line, why := readLine(header, text)
			if why != nil {
				rejected = append(rejected, why.at(number))
				continue
			}
			line.Number = number
			lines = append(lines, line)
		}
	}
	if header == nil && scanner.Err() == nil {
		return nil, nil, errors.New("the file is empty")
	}
	return lines, rejected, scanner.Err()
}

func readHeader(text string) ([]string, error) {
	header, err := fields(text)
	if err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	for _, column := range columns {
		if !slices.Contains(header, column) {
			return nil, fmt.Errorf("the header has no column %s", column)
		}
	}
	return header, nil
}

// fields takes one line apart. Quotes within a field are let through as they
// are, for inches are written so: RECORD FRAME 7" SINGLE SIZE.
func fields(text string) ([]string, error) {
	if !utf8.ValidString(text) {
		// Spreadsheets of that time wrote £ and é so.
		decoded, err := charmap.Windows1252.NewDecoder().String(text)
		if err != nil {
			return nil, err
		}
		text = decoded
	}
	reader := csv.NewReader(strings.NewReader(text))
	reader.LazyQuotes = true
	row, err := reader.Read()
	for i := range row {
		row[i] = strings.TrimSpace(row[i])
	}
	return row, err
}

func readLine(header []string, text string) (Line, *Rejection) {
	row, err := fields(text)
	if err != nil || len(row) != len(header) {
		return Line{}, reject(Unreadable, "%d fields, the header has %d", len(row), len(header))
	}
	of := func(column string) string { return row[slices.Index(header, column)] }
	line := Line{Invoice: of("InvoiceNo"), Code: of("StockCode"), Name: clean(of("Description")), Customer: of("CustomerID")}
	switch {
	case !isInvoiceNumber(line.Invoice):
		return Line{}, reject(Unreadable, "%q is no invoice number", line.Invoice)
	case line.Code == "" || !isShortText(line.Code, longestCode):
		return Line{}, reject(Unreadable, "%q is no stock code", line.Code)
	case !isShortText(line.Customer, longestCustomer):
		return Line{}, reject(Unreadable, "%q names no customer", line.Customer)
	}
	if line.Pieces, err = strconv.ParseInt(of("Quantity"), 10, 64); err != nil {
		return Line{}, reject(Unreadable, "%q is no whole quantity", of("Quantity"))
	}
	line.Price, err = pence(of("UnitPrice"))
	if errors.Is(err, errFinerThanAPenny) {
		return Line{}, reject(PartOfAPenny, "the price is %s", of("UnitPrice"))
	}
	if err != nil {
		return Line{}, reject(Unreadable, "%q is no price", of("UnitPrice"))
	}
	return line, nil
}

// isInvoiceNumber leaves out # beside what no number has: it parts the purchases
// of an invoice that is too long for one.
func isInvoiceNumber(s string) bool {
	return s != "" && len(s) <= longestInvoice &&
		strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) < 0
}

func isShortText(s string, longest int) bool {
	return len(s) <= longest && strings.IndexFunc(s, unicode.IsControl) < 0
}

// clean makes a description one that the API takes.
func clean(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, name))
	if characters := []rune(name); len(characters) > longestName {
		name = string(characters[:longestName])
	}
	return name
}
