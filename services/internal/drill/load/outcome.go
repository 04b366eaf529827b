package load

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"evergreen/services/internal/drill/history"
)

// nothingWritten are the codes of the 503s that say so (docs/failures.md): those of
// redisdb's errors, and that of an API replica that has not been ready yet.
var nothingWritten = []string{"unavailable", "storage-full", "busy", "starting"}

// failed says that the shop did not do its part: 5xx, 429 or no answer.
func failed(op history.Op) bool {
	return op.Outcome == history.NotDone || op.Outcome == history.Unknown
}

// understand fills in what was answered.
func understand(op *history.Op, a Answer, err error) {
	if err != nil {
		op.Outcome, op.Error = history.Unknown, err.Error()
		return
	}
	op.Status = a.Status
	op.Replayed = a.Header.Get("Idempotency-Replayed") == "true"
	op.ServedBy = a.Header.Get("X-Served-By")
	op.NewToken = a.Header.Get("Consistency-Token")
	if seconds, err := strconv.Atoi(a.Header.Get("Age")); err == nil {
		op.Age = time.Duration(seconds) * time.Second
	}
	if a.Status >= 200 && a.Status < 300 {
		op.Outcome = history.Done
		readResource(op, a.Body)
		return
	}
	readProblem(op, a.Body)
	op.Outcome = outcomeOf(a.Status, op.Code)
}

// outcomeOf sorts an answer that is no success. A status that the API never gives,
// such as a redirection, leaves the outcome unknown.
func outcomeOf(status int, code string) history.Outcome {
	switch {
	case status == http.StatusTooManyRequests:
		return history.NotDone
	case status == http.StatusServiceUnavailable && slices.Contains(nothingWritten, code):
		return history.NotDone
	case status >= 400 && status < 500:
		return history.Refused
	}
	return history.Unknown
}

// readResource takes what the history keeps from the body of a success: a product,
// its ledger after an adjustment, or a purchase.
func readResource(op *history.Op, text []byte) {
	if op.Kind.Write() {
		sum := sha256.Sum256(text)
		op.Body = hex.EncodeToString(sum[:])
	}
	var body struct {
		ID, Status     string
		Version, Stock int64
	}
	if err := json.Unmarshal(text, &body); err != nil {
		op.Error = "the body of the answer cannot be read: " + err.Error()
		return
	}
	switch op.Kind {
	case history.Adjust, history.Edit, history.ReadProduct:
		op.Version, op.Stock = body.Version, body.Stock
	default:
		op.Purchase, op.State = body.ID, body.Status
	}
}

func readProblem(op *history.Op, text []byte) {
	var problem struct {
		Code   string
		Errors []struct {
			ProductID string `json:"product_id"`
			Available *int64
		}
	}
	if err := json.Unmarshal(text, &problem); err != nil {
		op.Error = "the problem cannot be read: " + err.Error()
		return
	}
	op.Code = problem.Code
	if op.Kind != history.Buy || op.Code != "insufficient-stock" {
		return
	}
	op.Short = map[string]int64{}
	for _, line := range problem.Errors {
		if line.Available != nil {
			op.Short[line.ProductID] = *line.Available
		}
	}
}

// retryAfter is how long the shop asks a client to wait, within what a drill has
// the time for. Without a word of the shop, as after a broken connection, a client
// tries again soon.
func retryAfter(a Answer) time.Duration {
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if err != nil {
		return 200 * time.Millisecond
	}
	return min(max(time.Duration(seconds)*time.Second, 0), time.Second)
}
