// Package logs reads the log files of a shop that runs natively: it follows all of them at once, and it finds what became
// of one request, from nginx through the API's replicas to the event that its write left. `make logs` is its user. In
// containers Loki does the same; docs/logs.md has both.
package logs

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Level is how bad a line is. A line that does not say counts as Info.
type Level int

// The levels, from the least to the worst. Those of nginx, Redis and Prometheus are mapped to them.
const (
	Debug Level = iota
	Info
	Warn
	Err
)

func (l Level) String() string { return [...]string{"debug", "info", "warn", "error"}[l] }

// ParseLevel reads the name of a level in any case, also the names that nginx, Prometheus and Go's slog have for them.
func ParseLevel(name string) (Level, bool) {
	switch strings.ToLower(name) {
	case "debug", "trace":
		return Debug, true
	case "info", "notice":
		return Info, true
	case "warn", "warning":
		return Warn, true
	case "error", "err", "crit", "critical", "alert", "emerg", "fatal", "panic":
		return Err, true
	}
	return Info, false
}

// Entry is one line of a log.
type Entry struct {
	// Instance is whose line it is, such as "redis-1".
	Instance string
	// Time is when it was written, as the line itself says; zero if it doesn't.
	Time time.Time
	// Took is how long the request took that the line is about, or 0.
	Took  time.Duration
	Level Level
	// RequestID is the request that the line is about, or empty.
	RequestID string
	// Text is what the line says besides: as it is, or the fields of a JSON object as name=value.
	Text string
}

// Began is when what the line is about began.
func (e Entry) Began() time.Time { return e.Time.Add(-e.Took) }

// Parse reads one line in any of the formats that the shop's services have. What it does not understand is text of
// level Info.
func Parse(instance, line string) Entry {
	e := Entry{Instance: instance, Level: Info, Text: line}
	if strings.HasPrefix(line, "{") && e.parseJSON(line) {
		return e
	}
	for _, format := range formats {
		if found := format.pattern.FindStringSubmatch(line); found != nil {
			format.fill(&e, found)
			return e
		}
	}
	return e
}

// format is one of the kinds of lines that are no JSON.
type format struct {
	pattern *regexp.Regexp
	fill    func(e *Entry, found []string)
}

var formats = []format{
	// Redis and Sentinel: 1234:M 22 Nov 2026 07:18:01.123 * Ready to accept connections
	{regexp.MustCompile(`^\d+:[A-Z] (\d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2}\.\d{3}) ([.*#-]) `), func(e *Entry, found []string) {
		e.Time = local("02 Jan 2006 15:04:05.000", found[1])
		e.Level = map[string]Level{".": Debug, "-": Info, "*": Info, "#": Warn}[found[2]]
	}},
	// nginx's error log: 2026/11/22 07:18:01 [error] 12#12: …
	{regexp.MustCompile(`^(\d{4}/\d{2}/\d{2} \d{2}:\d{2}:\d{2}) \[(\w+)\]`), func(e *Entry, found []string) {
		e.Time = local("2006/01/02 15:04:05", found[1])
		e.Level, _ = ParseLevel(found[2])
	}},
	// Prometheus, Alertmanager, the exporters: ts=2026-… level=info …, with "time" for "ts" in later versions
	{regexp.MustCompile(`(?:^| )(?:ts|time|t)="?(\d{4}-[^ "]+)"?(?: .*)? level=(\w+)`), func(e *Entry, found []string) {
		e.Time, _ = time.Parse(time.RFC3339Nano, found[1])
		e.Level, _ = ParseLevel(found[2])
	}},
	// The start scripts: 2026-11-22T07:18:01Z start: …
	{regexp.MustCompile(`^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z) `), func(e *Entry, found []string) {
		e.Time, _ = time.Parse(time.RFC3339, found[1])
	}},
	{regexp.MustCompile(`^(?:panic|fatal error): `), func(e *Entry, _ []string) { e.Level = Err }},
}

// local reads a time whose writer left out the zone: the machine's own.
func local(layout, text string) time.Time {
	t, _ := time.ParseInLocation(layout, text, time.Local)
	return t
}

// parseJSON reads the lines of the API and of nginx's access log. The fields keep their order.
func (e *Entry) parseJSON(line string) bool {
	decoder := jsontext.NewDecoder(strings.NewReader(line), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := decoder.ReadToken(); err != nil {
		return false
	}
	read, message, fields := *e, "", []string(nil)
	for decoder.PeekKind() == '"' {
		name, err := decoder.ReadToken()
		if err != nil {
			return false
		}
		field := name.String()
		raw, err := decoder.ReadValue()
		if err != nil {
			return false
		}
		value := plain(raw)
		if read.known(field, value) {
			continue
		}
		if field == "msg" {
			message = value
		} else if value != "" {
			fields = append(fields, field+"="+quoted(value))
		}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return false // the line ends before the object does
	}
	read.Text = strings.TrimSpace(message + " " + strings.Join(fields, " "))
	*e = read
	return true
}

// known takes a field's meaning, and says whether the field then needs no more showing.
func (e *Entry) known(field, value string) bool {
	switch field {
	case "time":
		t, err := time.Parse(time.RFC3339Nano, value)
		e.Time = t
		return err == nil
	case "level":
		level, known := ParseLevel(value)
		e.Level = level
		return known
	case "service":
		return value == e.Instance
	case "request_id":
		e.RequestID = value
	case "status": // an answer that is the server's fault, in nginx's access log
		if status, err := strconv.Atoi(value); err == nil && status >= 500 {
			e.Level = Err
		}
	case "duration_ms":
		e.took(value, time.Millisecond)
	case "duration_s":
		e.took(value, time.Second)
	}
	return false
}

func (e *Entry) took(value string, unit time.Duration) {
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		e.Took = time.Duration(n * float64(unit))
	}
}

// plain is a JSON value as text: a string without its quotes, anything else as it stands.
func plain(raw jsontext.Value) string {
	if raw.Kind() != '"' {
		return string(raw)
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return string(raw)
	}
	return string(text)
}

func quoted(value string) string {
	if strings.ContainsAny(value, " \t\n\"=") {
		return strconv.Quote(value)
	}
	return value
}
