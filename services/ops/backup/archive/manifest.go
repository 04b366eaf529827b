package archive

import (
	"fmt"
	"strconv"
	"strings"
)

// ManifestName is the name of the manifest in an append-only directory.
const ManifestName = "appendonly.aof.manifest"

// Manifest lists the files of an append-only directory, as redis-server loads them.
type Manifest struct {
	// Base is the first file, or empty.
	Base string
	// Increments are the files after it. The last one grows.
	Increments []string
}

// ParseManifest reads the text of a manifest. It leaves out files that Redis has replaced and
// will delete.
func ParseManifest(text string) (Manifest, error) {
	var manifest Manifest
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		// Redis 8 adds offsets of the replication, which loading does not need.
		if len(words) < 6 || len(words)%2 != 0 || words[0] != "file" || words[2] != "seq" || words[4] != "type" {
			return Manifest{}, fmt.Errorf("the manifest has a line of another form: %q", line)
		}
		if _, err := strconv.ParseUint(words[3], 10, 63); err != nil || !aofFile.MatchString(words[1]) || words[1] == ManifestName {
			return Manifest{}, fmt.Errorf("the manifest names a file that is none of an append-only directory: %q", line)
		}
		if err := manifest.add(words[1], words[5]); err != nil {
			return Manifest{}, err
		}
	}
	if len(manifest.Increments) == 0 {
		return Manifest{}, fmt.Errorf("the manifest names no increment")
	}
	return manifest, nil
}

func (m *Manifest) add(file, kind string) error {
	switch {
	case kind == "b" && m.Base == "" && len(m.Increments) == 0:
		m.Base = file
	case kind == "i":
		m.Increments = append(m.Increments, file)
	case kind != "h":
		return fmt.Errorf("the manifest has the file %s of kind %q in a place where it cannot be", file, kind)
	}
	return nil
}

// Files lists the files in the order in which they are loaded.
func (m Manifest) Files() []string {
	if m.Base == "" {
		return m.Increments
	}
	return append([]string{m.Base}, m.Increments...)
}

// Last is the increment that grows.
func (m Manifest) Last() string { return m.Increments[len(m.Increments)-1] }

// Text is the manifest as redis-server reads it.
func (m Manifest) Text() string {
	var text strings.Builder
	for _, file := range m.Files() {
		kind := "i"
		if file == m.Base {
			kind = "b"
		}
		fmt.Fprintf(&text, "file %s seq %s type %s\n", file, strings.Split(file, ".")[2], kind)
	}
	return text.String()
}
