package mailbox

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func opened(t *testing.T) *Mailbox {
	t.Helper()
	m, err := Open("127.0.0.1:0", filepath.Join(t.TempDir(), "mail"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

// send is Go's own client, which has nothing in common with the server.
func send(m *Mailbox, text string) error {
	return smtp.SendMail(m.Addr(), nil, "shop@evergreen.example", []string{"ann@evergreen.example", "bob@evergreen.example"}, []byte(text))
}

func TestAMailIsKeptWholeAndRead(t *testing.T) {
	t.Parallel()
	m := opened(t)
	began := time.Now()
	require.NoError(t, send(m, "From: Shop <shop@evergreen.example>\r\nTo: ann@evergreen.example\r\n"+
		"Subject: =?UTF-8?q?Kein_Prim=C3=A4rer?=\r\n"+
		"Content-Type: multipart/alternative; boundary=b\r\n\r\n"+
		"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nbm8gcHJpbWFyeQ==\r\n"+
		"--b\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>no=\r\n primary</b> =3D bad\r\n.. two dots\r\n--b--\r\n"))
	got, err := m.Await(t.Context(), func(Mail) bool { return true })
	require.NoError(t, err)
	require.Equal(t, "Kein Primärer", got.Subject)
	require.Equal(t, "no primary\n<b>no primary</b> = bad\r\n.. two dots\n", got.Body)
	require.Equal(t, "shop@evergreen.example", got.From)
	require.Equal(t, []string{"ann@evergreen.example", "bob@evergreen.example"}, got.To)
	require.Equal(t, "ann@evergreen.example", got.Header.Get("To"))
	require.WithinRange(t, got.Received, began, time.Now())
	info, err := os.Stat(got.Path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestMailsOfManySendersAreAllKeptInTheirOrder(t *testing.T) {
	t.Parallel()
	m := opened(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() { require.NoError(t, send(m, fmt.Sprintf("Subject: %02d\r\n\r\nbody", i))) })
	}
	all.Wait()
	mails, err := m.Mails()
	require.NoError(t, err)
	subjects := map[string]bool{}
	for i, one := range mails {
		subjects[one.Subject] = true
		if i > 0 {
			require.False(t, one.Received.Before(mails[i-1].Received))
		}
	}
	require.Len(t, subjects, 20)
	left, err := filepath.Glob(filepath.Join(m.Dir(), ".draft-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheOldestMailsGoWhenThereAreTooMany(t *testing.T) {
	t.Parallel()
	m := opened(t)
	for i := range mostKept + 2 {
		require.NoError(t, m.keep("a@evergreen.example", nil, fmt.Appendf(nil, "Subject: %d\r\n\r\n", i)))
	}
	mails, err := m.Mails()
	require.NoError(t, err)
	require.Len(t, mails, mostKept)
	require.Equal(t, "2", mails[0].Subject)
}

func TestAMailThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	m := opened(t)
	require.Error(t, send(m, "Subject: big\r\n\r\n"+string(bytes.Repeat([]byte("0123456789\r\n"), mostBytes/10))))
	mails, err := m.Mails()
	require.NoError(t, err)
	require.Empty(t, mails)
}

func TestAMailThatCannotBeKeptIsRefusedForNow(t *testing.T) {
	t.Parallel()
	m := opened(t)
	require.NoError(t, os.Remove(m.Dir()))
	require.ErrorContains(t, send(m, "Subject: lost\r\n\r\n"), "451")
}

func TestWaitingInVainSaysWhatThereWas(t *testing.T) {
	t.Parallel()
	m := opened(t)
	require.NoError(t, send(m, "Subject: another\r\n\r\n"))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := m.Await(ctx, func(one Mail) bool { return one.Subject == "this" })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, `"another"`)
}

func TestWhatWasThereBeforeStays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		free, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		address := free.Addr().String()
		require.NoError(t, free.Close())
		ended := make(chan error, 1)
		go func() { ended <- Run(ctx, address, dir) }()
		require.Eventually(t, func() bool {
			return smtp.SendMail(address, nil, "a@evergreen.example", []string{"b@evergreen.example"}, []byte("Subject: again\r\n\r\n")) == nil
		}, 10*time.Second, 20*time.Millisecond)
		cancel()
		require.NoError(t, <-ended)
		mails, err := Read(dir)
		require.NoError(t, err)
		require.Len(t, mails, i+1)
	}
	none, err := Read(filepath.Join(dir, "nowhere"))
	require.NoError(t, err)
	require.Empty(t, none)
}
