package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Results is a directory with a file for each fault, SLUG.jsonl, to which every
// run adds a line: so twenty runs of each fault can be gathered in several
// sittings.
type Results struct{ Dir string }

const suffix = ".jsonl"

// keptViolations is how many of a run's violations its line tells. A control may
// have thousands; the verdict counts them, and the kept history has them all.
const keptViolations = 10

// slugs are what may be the name of a file.
var slugs = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

func (r Results) path(slug string) (string, error) {
	if !slugs.MatchString(slug) {
		return "", fmt.Errorf("%q is no slug of a fault", slug)
	}
	return filepath.Join(r.Dir, slug+suffix), nil
}

// Append adds a run's line, without its timeline and with ten violations at most,
// and makes the directory if need be. The line is written by one call in append
// mode, so two drills may add to one file at once.
func (r Results) Append(run Run) error {
	path, err := r.path(run.Fault)
	if err != nil {
		return err
	}
	run.Timeline = nil
	run.Verdict.Violations = run.Verdict.Violations[:min(len(run.Verdict.Violations), keptViolations)]
	line, err := json.Marshal(run)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	line = append(append(mend(file), line...), '\n')
	_, err = file.Write(line)
	return errors.Join(err, file.Close())
}

// mend is the line break that a file lacks whose last writer was killed in the
// middle of a line: otherwise the next line would be spoilt, too. Read skips the
// empty line that two drills make by mending at once.
func mend(file *os.File) []byte {
	last := make([]byte, 1)
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return nil
	}
	if _, err := file.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return nil
	}
	return []byte{'\n'}
}

// Read gives the runs of a fault, the oldest first; none if there is no file. An
// error names each line that is no run; the others are given all the same.
func (r Results) Read(slug string) ([]Run, error) {
	path, err := r.path(slug)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return readRuns(file, path)
}

// readRuns reads lines of any length.
func readRuns(from io.Reader, name string) (runs []Run, bad error) {
	lines := bufio.NewReader(from)
	for number := 1; ; number++ {
		line, err := lines.ReadString('\n')
		if strings.TrimSpace(line) != "" {
			var run Run
			if err := json.Unmarshal([]byte(line), &run); err != nil {
				bad = errors.Join(bad, fmt.Errorf("%s: line %d: %w", name, number, err))
			} else {
				runs = append(runs, run)
			}
		}
		if errors.Is(err, io.EOF) {
			return runs, bad
		}
		if err != nil {
			return runs, errors.Join(bad, err)
		}
	}
}

// Slugs lists the faults that have a file, sorted; none if there is no directory.
func (r Results) Slugs() ([]string, error) {
	entries, err := os.ReadDir(r.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if slug, is := strings.CutSuffix(entry.Name(), suffix); is && slugs.MatchString(slug) {
			found = append(found, slug)
		}
	}
	slices.Sort(found)
	return found, nil
}
