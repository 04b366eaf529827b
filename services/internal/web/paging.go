package web

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
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
			if page.Before, err = decodeCursor(sent[0]); err != nil {
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

func decodeCursor(cursor string) (string, error) {
	id, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || !IsID(string(id)) || cursorOf(string(id)) != cursor {
		return "", fault.BadParameter("cursor", "bad-cursor", "This cursor is not one that a list gave out.")
	}
	return string(id), nil
}

func cursorOf(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

// List answers with one page: items are rendered resources, last the id where
// the next page goes on, or "" when there is no more.
func List(c *gin.Context, items []jsontext.Value, last string) error {
	body := struct {
		Data    []jsontext.Value `json:"data"`
		HasMore bool             `json:"has_more"`
		Next    *string          `json:"next_cursor"`
	}{Data: items, HasMore: last != ""}
	if items == nil {
		body.Data = []jsontext.Value{}
	}
	if last != "" {
		cursor := cursorOf(last)
		body.Next = &cursor
		next := *c.Request.URL
		query := next.Query()
		query.Set("cursor", cursor)
		next.RawQuery = query.Encode()
		c.Header("Link", "<"+next.RequestURI()+`>; rel="next"`)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	Send(c, 200, text)
	return nil
}

// Bounds of the work that one page of a filtered list may cost: a filter that few
// objects match answers with a short or empty page and a cursor.
const (
	// collectBatch is how many ids one exchange with Redis examines at most.
	collectBatch = 100
	// collectMost is how many ids one page examines, rounded up to whole batches.
	collectMost = 500
)

// Collect fills a page: next gives up to n ids that come before an id, load
// renders them, nil standing for what a filter leaves out. The second result is
// the id where the next page goes on, or "". It examines about collectMost ids, so
// a page may be short, or empty, and still have a next one.
func Collect(page Page, next func(before string, n int) ([]string, error), load func(ids []string) ([]jsontext.Value, error)) ([]jsontext.Value, string, error) {
	var items []jsontext.Value
	at, last := page.Before, page.Before // where the scan is, and what the page ends with
	batch := min(page.Limit, collectBatch)
	for examined := 0; examined < mostExamined(); examined, batch = examined+batch, collectBatch {
		ids, err := next(at, batch+1)
		if err != nil {
			return nil, "", err
		}
		rendered, err := load(ids)
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
			items, last = append(items, item), ids[i]
		}
		if len(ids) <= batch {
			return items, "", nil
		}
		at = ids[len(ids)-1]
		if len(items) < page.Limit {
			last = at
		}
	}
	return items, last, nil
}
