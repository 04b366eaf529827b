package drill

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"evergreen/services/internal/drill/history"
	"evergreen/services/internal/drill/report"
)

// keep saves the history of a failed run, and the logs of its stack beside it, in
// a directory of their own below dir/kept. It returns the history's file.
func keep(ctx context.Context, dir string, run report.Run, h *history.History, shop *shop) (string, error) {
	place := filepath.Join(dir, "kept", run.Fault+"-"+run.When.UTC().Format("20060102T150405.000"))
	if err := os.MkdirAll(place, 0o755); err != nil {
		return "", err
	}
	var errs []error
	if shop != nil && shop.saveLogs != nil {
		errs = append(errs, shop.saveLogs(ctx, place))
	}
	if shop != nil && shop.dir != "" {
		errs = append(errs, CopyLogs(filepath.Join(shop.dir, "logs"), place))
	}
	if h == nil {
		return "", errors.Join(errs...)
	}
	file := filepath.Join(place, "history.json.gz")
	return file, errors.Join(append(errs, h.Save(file))...)
}

// mostKept is how much of the end of a log is kept: a run's worth, where the log is
// of all runs that its stack has served.
const mostKept = 16 << 20 // bytes

// CopyLogs copies the logs of all services, and what nginx logs of each request,
// which alone tells that it sent one to both API replicas.
func CopyLogs(from, to string) error {
	var errs []error
	for _, pattern := range []string{"*.log", filepath.Join("*", "*.log")} {
		logs, err := filepath.Glob(filepath.Join(from, pattern))
		errs = append(errs, err)
		for _, log := range logs {
			name, err := filepath.Rel(from, log)
			if err == nil {
				err = copyEnd(log, filepath.Join(to, strings.ReplaceAll(name, string(filepath.Separator), "-")))
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func copyEnd(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if info, err := in.Stat(); err == nil && info.Size() > mostKept {
		if _, err := in.Seek(-mostKept, io.SeekEnd); err != nil {
			return err
		}
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
