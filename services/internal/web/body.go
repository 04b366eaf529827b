package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"evergreen/services/internal/fault"
)

// MaxValues is how many values a body has at most. A purchase of 1,000 lines with prices has 6,000.
const MaxValues = 20_000

// stepBytes is by how much the room for a body grows at least whose length was not announced.
const stepBytes = 16 << 10

// readAll reads the body. Its memory is counted before it is used.
func readAll(c *gin.Context) ([]byte, error) {
	ctx := c.Request.Context()
	body, err := readHeld(ctx, c.Request.Body, c.Request.ContentLength)
	var tooLarge *http.MaxBytesError
	var ours *fault.Error
	switch {
	case errors.As(err, &tooLarge):
		return nil, bodyTooLarge(tooLarge.Limit)
	case errors.As(err, &ours):
		return nil, err
	case err != nil:
		return nil, fault.Wrap(err, fault.Malformed, "body-cut", "The body ended before its announced length.")
	}
	if err := holdValues(ctx, body); err != nil {
		return nil, err
	}
	c.Set(contextBody, body)
	return body, nil
}

// readHeld reads a body whose announced length is in bytes, or below 0 for one that was not announced.
func readHeld(ctx context.Context, from io.Reader, announced int64) ([]byte, error) {
	if announced >= 0 {
		if err := holdBody(ctx, announced); err != nil {
			return nil, err
		}
		body := make([]byte, announced)
		_, err := io.ReadFull(from, body)
		return body, err
	}
	var body []byte
	for {
		if len(body) == cap(body) {
			step := max(stepBytes, cap(body)/4)
			if err := holdBody(ctx, int64(step)); err != nil {
				return nil, err
			}
			body = slices.Grow(body, step)
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func holdBody(ctx context.Context, bodyBytes int64) error {
	if without(noBodyBound) {
		return nil
	}
	return hold(ctx, bodyWeight*bodyBytes)
}

// holdValues counts what a body is decoded to. A body of a megabyte can name 350,000 empty objects.
func holdValues(ctx context.Context, body []byte) error {
	if without(noBodyBound) {
		return nil
	}
	count := values(body)
	if count > MaxValues {
		return fault.New(fault.TooLarge, "too-large", "A body has at most "+strconv.Itoa(MaxValues)+" values.")
	}
	return hold(ctx, int64(count)*valueBytes)
}

// values is about how many values a JSON text has: one more than its commas, those within texts left out where they would
// make a difference.
func values(body []byte) int {
	if most := bytes.Count(body, []byte{','}); most < MaxValues {
		return 1 + most
	}
	count, inText := 1, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case inText && b == '\\':
			i++
		case b == '"':
			inText = !inText
		case b == ',' && !inText:
			count++
		}
	}
	return count
}
