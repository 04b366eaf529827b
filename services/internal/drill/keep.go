package drill

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/drill/report"
)

// keep saves the history of a failed run, and the logs of its stack beside it, in
// a directory of their own below dir/kept. It returns the history's file.
func keep(dir string, run report.Run, h *history.History, shop *shop) (string, error) {
	place := filepath.Join(dir, "kept", run.Fault+"-"+run.When.UTC().Format("20060102T150405.000"))
	if err := os.MkdirAll(place, 0o755); err != nil {
		return "", err
	}
	var errs []error
	if shop != nil && shop.dir != "" {
		errs = append(errs, copyLogs(filepath.Join(shop.dir, "logs"), place))
	}
	if h == nil {
		return "", errors.Join(errs...)
	}
	file := filepath.Join(place, "history.json.gz")
	return file, errors.Join(append(errs, h.Save(file))...)
}

func copyLogs(from, to string) error {
	logs, err := filepath.Glob(filepath.Join(from, "*.log"))
	if err != nil {
		return err
	}
	var errs []error
	for _, log := range logs {
		errs = append(errs, copyFile(log, filepath.Join(to, filepath.Base(log))))
	}
	return errors.Join(errs...)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
