package logs

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is one file of a log.
type File struct {
	Path string
	// Instance is who writes it: the name of the file, or of the directory that it stands in.
	Instance string
	// Rotated says that it was put aside, and nobody writes to it any more.
	Rotated bool
}

// Find lists the log files in a directory: NAME.log, NAME/anything.log, and what was put aside of them (….log.1), which
// stands before what goes on.
func Find(dir string) ([]File, error) {
	var found []File
	for _, pattern := range []string{"*.log", "*/*.log", "*.log.*", "*/*.log.*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			found = append(found, File{Path: path, Instance: instanceOf(dir, path), Rotated: !strings.HasSuffix(path, ".log")})
		}
	}
	slices.SortFunc(found, func(a, b File) int {
		if a.Rotated != b.Rotated {
			return map[bool]int{true: -1, false: 1}[a.Rotated]
		}
		return strings.Compare(a.Path, b.Path)
	})
	return found, nil
}

func instanceOf(dir, path string) string {
	inside, _ := filepath.Rel(dir, path)
	if folder, _, nested := strings.Cut(inside, string(filepath.Separator)); nested {
		return folder
	}
	name, _, _ := strings.Cut(inside, ".log")
	return name
}

// Choice says which entries are wanted.
type Choice struct {
	// Services are names of instances ("redis-1") or of a kind of them ("redis"); none means all.
	Services []string
	// Least is the least level.
	Least Level
}

// Wants says whether the entries of an instance are wanted at all.
func (c Choice) Wants(instance string) bool {
	return len(c.Services) == 0 || slices.ContainsFunc(c.Services, func(wanted string) bool {
		return instance == wanted || strings.HasPrefix(instance, wanted+"-")
	})
}

// longestLine is how much of one line is kept when a file is searched. The rest of it is read and forgotten.
const longestLine = 256 << 10

// eachLine calls do for every line of a reader, however long, with the newline taken off, until it says no more.
func eachLine(in io.Reader, do func(line []byte) bool) error {
	reader, line := bufio.NewReaderSize(in, 64<<10), []byte(nil)
	for {
		piece, err := reader.ReadSlice('\n')
		if room := longestLine - len(line); room > 0 {
			line = append(line, piece[:min(room, len(piece))]...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 && !do(line) {
			return nil
		}
		line = line[:0]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lastLines reads the end of a file: at most n whole lines out of its last 64 KiB, and where they end.
func lastLines(path string, n int) (lines []string, end int64, err error) {
	const window = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	start := max(0, info.Size()-window)
	text := make([]byte, info.Size()-start)
	read, err := file.ReadAt(text, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	whole := bytes.LastIndexByte(text[:read], '\n') + 1
	end, text = start+int64(whole), text[:whole]
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if start > 0 {
		all = all[1:] // the end of a line whose beginning is out of sight
	}
	lines = slices.DeleteFunc(all[max(0, len(all)-n):], func(line string) bool { return line == "" })
	return lines, end, nil
}
