package replay

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

const usage = `usage: replay [-url http://127.0.0.1:8080] [-at-once 16] [-patience 2m] FILE.csv

Sells the file's invoices through the API of the running shop, whose admin's
ADMIN_EMAIL and ADMIN_PASSWORD stand in .env or in the environment.
`

// Parse reads the program's arguments and its environment. Progress and notes go
// to stderr: a bar if it is a terminal.
func Parse(args []string, getenv func(string) string, stdout, stderr io.Writer) (Options, error) {
	o := Options{Email: getenv("ADMIN_EMAIL"), Password: getenv("ADMIN_PASSWORD"), Out: stdout, Notes: stderr}
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	flags.StringVar(&o.URL, "url", "http://127.0.0.1:8080", "the shop's address")
	flags.IntVar(&o.AtOnce, "at-once", 16, "requests under way at a time")
	flags.DurationVar(&o.Patience, "patience", 2*time.Minute, "how long one request is tried again")
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	o.Path = flags.Arg(0)
	switch {
	case flags.NArg() != 1 || o.Path == "":
		flags.Usage()
		return Options{}, errors.New("name one file (make replay FILE=…)")
	case o.AtOnce < 1 || o.AtOnce > 200:
		return Options{}, errors.New("-at-once is from 1 to 200")
	case o.Email == "" || o.Password == "":
		return Options{}, errors.New("ADMIN_EMAIL and ADMIN_PASSWORD are not set, and .env here has none")
	}
	file, isFile := stderr.(*os.File)
	o.Progress = NewProgress(stderr, isFile && term.IsTerminal(int(file.Fd())))
	return o, nil
}
