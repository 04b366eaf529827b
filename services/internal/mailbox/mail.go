package mailbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	extension  = ".eml"
	timeInName = "20060102T150405.000000000Z"
)

// Mail is one that has come.
type Mail struct {
	// Path is its file, as mail programs read it.
	Path string
	// Received is when it came.
	Received time.Time
	// From and To are the envelope's: who really sent it, who really gets it.
	From string
	To   []string
	// Header has the mail's own headers, To and From among them.
	Header mail.Header
	// Subject is decoded.
	Subject string
	// Body is the text of all parts, decoded, HTML as it is, one after the other.
	Body string
}

// Read lists the mails in a directory, the oldest first; another process may be the
// one that keeps them. A directory that is not there is an empty one.
func Read(dir string) ([]Mail, error) {
	names, err := list(dir)
	if err != nil {
		return nil, err
	}
	var mails []Mail
	for _, name := range names {
		one, err := open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was the oldest of too many
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		mails = append(mails, one)
	}
	return mails, nil
}

// Await returns the oldest mail in a directory that fits, as soon as there is one, or
// an error that names what there was instead when ctx ends.
func Await(ctx context.Context, dir string, fits func(Mail) bool) (Mail, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		mails, err := Read(dir)
		if err != nil {
			return Mail{}, err
		}
		var subjects []string
		for _, one := range mails {
			if fits(one) {
				return one, nil
			}
			subjects = append(subjects, one.Subject)
		}
		select {
		case <-ctx.Done():
			return Mail{}, fmt.Errorf("no such mail among %d %q: %w", len(subjects), subjects, ctx.Err())
		case <-tick.C:
		}
	}
}

// list has the names of the mails, the oldest first.
func list(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), extension) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

func open(path string) (Mail, error) {
	file, err := os.Open(path)
	if err != nil {
		return Mail{}, err
	}
	defer file.Close()
	message, err := mail.ReadMessage(file)
	if err != nil {
		return Mail{}, err
	}
	found := Mail{Path: path, Header: message.Header, To: message.Header["Delivered-To"]}
	found.From = strings.Trim(message.Header.Get("Return-Path"), "<>")
	if found.Subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return Mail{}, err
	}
	stamp, _, _ := strings.Cut(filepath.Base(path), "-")
	if found.Received, err = time.Parse(timeInName, stamp); err != nil {
		return Mail{}, err
	}
	found.Body, err = text(message.Header.Get, message.Body)
	return found, err
}

// text decodes a mail's body, or one of its parts.
func text(header func(string) string, body io.Reader) (string, error) {
	kind, parameters, _ := mime.ParseMediaType(header("Content-Type"))
	if strings.HasPrefix(kind, "multipart/") {
		return parts(multipart.NewReader(body, parameters["boundary"]))
	}
	switch strings.ToLower(header("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	decoded, err := io.ReadAll(body)
	return string(decoded), err
}

func parts(of *multipart.Reader) (string, error) {
	var all strings.Builder
	for {
		part, err := of.NextRawPart()
		if errors.Is(err, io.EOF) {
			return all.String(), nil
		}
		if err != nil {
			return "", err
		}
		one, err := text(part.Header.Get, part)
		if err != nil {
			return "", err
		}
		all.WriteString(one + "\n")
	}
}
