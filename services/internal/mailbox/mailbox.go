// Package mailbox is a mail server that takes every mail, keeps it as a file and
// sends nothing on: where alerts end up as long as nobody has set a mail server of
// their own, and where tests read them. `make up` runs it as the service "mail".
package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Bounds that keep a sender gone wild from filling the disk.
const (
	mostBytes      = 1 << 20
	mostRecipients = 50
	mostKept       = 1000
	// patience with a client that says nothing.
	patience = 30 * time.Second
)

// Mailbox listens and keeps what comes. All methods may be called from several
// goroutines.
type Mailbox struct {
	dir      string
	server   *smtp.Server
	listener net.Listener
	over     chan error

	mu    sync.Mutex
	count int
}

// Open listens on an address, host:port, and keeps what comes in dir, which it makes;
// what is there already stays. Port 0 is a free one: see Addr.
func Open(address, dir string) (*Mailbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	m := &Mailbox{dir: dir, listener: listener, over: make(chan error, 1)}
	m.server = smtp.NewServer(smtp.BackendFunc(m.session))
	m.server.Domain = "localhost"
	m.server.MaxMessageBytes, m.server.MaxRecipients = mostBytes, mostRecipients
	m.server.ReadTimeout, m.server.WriteTimeout = patience, patience
	m.server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { m.over <- m.server.Serve(listener) }()
	return m, nil
}

// Addr is host:port, for whoever sends.
func (m *Mailbox) Addr() string { return m.listener.Addr().String() }

// Dir is where the mails are.
func (m *Mailbox) Dir() string { return m.dir }

// Mails lists what is there, the oldest first.
func (m *Mailbox) Mails() ([]Mail, error) { return Read(m.dir) }

// Await returns the oldest mail that fits, as soon as there is one, or an error that
// names what there was instead when ctx ends.
func (m *Mailbox) Await(ctx context.Context, fits func(Mail) bool) (Mail, error) {
	return Await(ctx, m.dir, fits)
}

// Close ends it. The mails stay.
func (m *Mailbox) Close() error { return errors.Join(m.server.Close(), <-m.over) }

// Run is a mailbox from now until ctx ends.
func Run(ctx context.Context, address, dir string) error {
	m, err := Open(address, dir)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return m.Close()
	case err := <-m.over:
		return fmt.Errorf("the mail server ended: %w", err)
	}
}

func (m *Mailbox) session(*smtp.Conn) (smtp.Session, error) { return &session{box: m}, nil }

// session is one sender's connection. It does not offer to log in: Alertmanager then
// sends without, whatever its settings are.
type session struct {
	box  *Mailbox
	from string
	to   []string
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(content io.Reader) error {
	text, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	if err := s.box.keep(s.from, s.to, text); err != nil {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "cannot keep it: " + err.Error()}
	}
	return nil
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }

// keep writes a mail beside its place and then gives it its name: nobody reads half
// of one. The names sort by time.
func (m *Mailbox) keep(from string, to []string, text []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	draft, err := os.CreateTemp(m.dir, ".draft-")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	_, err = draft.Write(append(envelope(from, to), text...))
	if err := errors.Join(err, draft.Close()); err != nil {
		return err
	}
	m.count++
	name := fmt.Sprintf("%s-%04d%s", time.Now().UTC().Format(timeInName), m.count%10000, extension)
	if err := os.Rename(draft.Name(), filepath.Join(m.dir, name)); err != nil {
		return err
	}
	return m.forget()
}

// envelope is what the sender has said besides the mail itself, as headers.
func envelope(from string, to []string) []byte {
	text := fmt.Sprintf("Return-Path: <%s>\r\n", from)
	for _, one := range to {
		text += fmt.Sprintf("Delivered-To: %s\r\n", one)
	}
	return []byte(text)
}

// forget removes the oldest mails beyond what is kept.
func (m *Mailbox) forget() error {
	names, err := list(m.dir)
	if err != nil {
		return err
	}
	for len(names) > mostKept {
		if err := os.Remove(filepath.Join(m.dir, names[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		names = names[1:]
	}
	return nil
}
