package attack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"evergreen/services/internal/drill"
)

// keepIfFailed copies the logs of a run that has failed, and gives the directory.
func (r *runner) keepIfFailed(c Class, f Found, trouble error, s *shop) string {
	if trouble == nil {
		f.judge(c)
	}
	if f.Passed || s.stack == nil {
		return ""
	}
	place := filepath.Join(r.dir, "kept", f.file()+"-"+f.When.UTC().Format("20060102T150405.000"))
	err := os.MkdirAll(place, 0o755)
	if err == nil {
		err = drill.CopyLogs(filepath.Join(s.stack.Dir(), "logs"), place)
	}
	if err != nil {
		fmt.Fprintln(r.notes, "the logs could not be kept:", err)
	}
	return place
}

// file is the name of a class's results.
func (f Found) file() string {
	if f.Control != "" {
		return "control-" + f.Class
	}
	return f.Class
}

// append adds a run to the class's results.
func (r *runner) append(f Found) error {
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	line, err := json.Marshal(f)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(r.dir, f.file()+".jsonl"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}
