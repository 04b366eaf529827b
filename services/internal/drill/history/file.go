package history

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
)

// Save writes the history as gzipped JSON.
func (h *History) Save(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(file)
	return errors.Join(json.NewEncoder(zip).Encode(h), zip.Close(), file.Close())
}

// Load reads what Save wrote.
func Load(path string) (*History, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	zip, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	h := &History{}
	return h, json.NewDecoder(zip).Decode(h)
}
