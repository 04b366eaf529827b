// Command dashboards writes Grafana's dashboards into the directory that it is given: go run ./services/dashboards grafana/dashboards.
package main

import (
	"fmt"
	"io"
	"os"

	"evergreen/services/internal/dashboards"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(args []string, stderr io.Writer) int {
	if len(args) != 1 {
		_, _ = fmt.Fprintln(stderr, "usage: dashboards DIRECTORY")
		return 2
	}
	if err := dashboards.Write(args[0]); err != nil {
		_, _ = fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}
