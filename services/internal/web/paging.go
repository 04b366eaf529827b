package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"evergreen/services/internal/fault"
)

// The size of a page.
const (
	DefaultLimit = 20
	MaxLimit     = 100
)

// Page is which part of a list is asked for; lists begin with the newest.
type Page struct {
	Limit int
	// Before is the id that the page before ended with, or "" for the first page.
	Before string
}

// Query reads the paging parameters and the filters that a list knows; every
// other parameter is refused, so that a misspelt filter is not taken for none.
func Query(c *gin.Context, filters ...string) (Page, map[string]string, error) {
	page, values := Page{Limit: DefaultLimit}, map[string]string{}
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return page, nil, fault.BadParameter("query", "bad-query", "The query string is not well formed.")
	}
	// In order, so that a query with two mistakes is always told of the same one.
	for _, name := range slices.Sorted(maps.Keys(query)) {
		sent := query[name]
		switch {
		case name == "":
			return page, nil, fault.BadParameter("query", "bad-query", "A parameter has no name.")
		case len(sent) > 1:
			return page, nil, fault.BadParameter(shorten(name), "duplicate", "This parameter stands twice.")
		case name == "limit":
			if page.Limit, err = strconv.Atoi(sent[0]); err != nil || page.Limit < 1 || page.Limit > MaxLimit || strconv.Itoa(page.Limit) != sent[0] {
				return page, nil, fault.BadParameter(name, "bad-limit", "limit is a whole number from 1 to 100.")
			}
		case name == "cursor":
			if page.Before, err = cursorsOf(c).read(sent[0]); err != nil {
				return page, nil, err
			}
		case !slices.Contains(filters, name):
			return page, nil, fault.BadParameter(shorten(name), "unknown", "This list has no such parameter.")
		case sent[0] == "" || len(sent[0]) > 320 || !utf8.ValidString(sent[0]) || !isPlain(sent[0]):
			return page, nil, fault.BadParameter(name, "bad-value", "This filter is empty, too long, no UTF-8 or has control characters.")
		default:
			values[name] = sent[0]
		}
	}
	return page, values, nil
}

// List answers with one page: items are rendered resources, last the id where
// the next page goes on, or "" when there is no more. The items are written one after the other: a page that were put
// together first would be in memory twice.
func List(c *gin.Context, items []jsontext.Value, last string) error {
	madeAnswer(c)
	end := `],"has_more":false,"next_cursor":null}`
	if last != "" {
		cursor := cursorsOf(c).issue(last)
		end = `],"has_more":true,"next_cursor":"` + cursor + `"}`
		next := *c.Request.URL
		query := next.Query()
		query.Set("cursor", cursor)
		next.RawQuery = query.Encode()
		c.Header("Link", "<"+next.RequestURI()+`>; rel="next"`)
	}
	const begin = `{"data":[`
	length := len(begin) + max(0, len(items)-1) + len(end)
	for _, item := range items {
		length += len(item)
	}
	c.Header("Content-Type", "application/json")
	c.Header("Content-Length", strconv.Itoa(length))
	c.Status(http.StatusOK)
	before := begin
	for _, item := range items {
		if _, err := c.Writer.WriteString(before); err != nil {
			return nil //nolint:nilerr // the client has gone
		}
		if _, err := c.Writer.Write(item); err != nil {
			return nil //nolint:nilerr // the client has gone
		}
		before = ","
	}
	if len(items) == 0 {
		end = begin + end
	}
	_, _ = c.Writer.WriteString(end)
	return nil
}

// Bounds of the work that one page of a filtered list may cost: a filter that few
// objects match answers with a short or empty page and a cursor.
const (
	// collectBatch is how many ids one exchange with Redis examines at most.
	collectBatch = 100
	// collectMost is how many ids one page examines, rounded up to whole batches.
	collectMost = 500
	// pageBytes is the size of its items with which a page ends, however many were asked for.
	pageBytes = 1 << 20
)

// Collect fills a page: next gives up to n ids that come before an id, load
// renders them, nil standing for what a filter leaves out. Load stops after the item with
// which it has rendered room bytes, and then gives fewer than it was asked for. The second
// result is the id where the next page goes on, or "". It examines about collectMost ids, and a page ends
// when its items have pageBytes, so it may be short, or empty, and still have a next one.
func Collect(
	page Page, next func(before string, n int) ([]string, error), load func(ids []string, room int) ([]jsontext.Value, error),
) ([]jsontext.Value, string, error) {
	var items []jsontext.Value
	at, last := page.Before, page.Before // where the scan is, and what the page ends with
	batch, room := min(page.Limit, collectBatch), MostPage()
	for examined := 0; examined < mostExamined(); examined, batch = examined+batch, collectBatch {
		ids, err := next(at, batch+1)
		if err != nil {
			return nil, "", err
		}
		rendered, err := load(ids, room)
		if err != nil {
			return nil, "", err
		}
		for i, item := range rendered {
			if item == nil {
				continue
			}
			if len(items) == page.Limit {
				return items, last, nil
			}
			items, last, room = append(items, item), ids[i], room-len(item)
		}
		if len(rendered) < len(ids) {
			return items, last, nil // the last item has filled the page
		}
		if len(ids) <= batch {
			return items, "", nil
		}
		at = ids[len(ids)-1]
		if len(items) < page.Limit {
			last = at
		}
		if room <= 0 {
			return items, last, nil
		}
	}
	return items, last, nil
}
