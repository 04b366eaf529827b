package containers

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Memory is what each container uses now, in bytes, by service, as the engine counts
// it: without the files it has read.
func (p *Project) Memory(ctx context.Context) (map[string]int64, error) {
	args := []string{"stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"}
	for _, s := range p.services {
		args = append(args, s.Container())
	}
	out, err := p.docker(ctx, args...)
	if err != nil {
		return nil, err
	}
	used := map[string]int64{}
	for line := range strings.Lines(out) {
		var container, usage string
		if _, err := fmt.Sscan(line, &container, &usage); err != nil {
			return nil, fmt.Errorf("docker stats says %q: %w", line, err)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(container, p.Name+"-"), "-1")
		if used[name], err = parseSize(usage); err != nil {
			return nil, err
		}
	}
	return used, nil
}

// parseSize reads a size as docker stats writes it, such as 12.5MiB.
func parseSize(size string) (int64, error) {
	units := map[string]float64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
	number := strings.TrimRight(size, "BiKMG")
	unit, known := units[size[len(number):]]
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || !known {
		return 0, fmt.Errorf("cannot read the size %q", size)
	}
	return int64(value * unit), nil
}

// ImageSize is how large an image is, in bytes, without what compression saves.
func (p *Project) ImageSize(ctx context.Context, image string) (int64, error) {
	out, err := p.docker(ctx, "image", "inspect", "--format", "{{.Size}}", image)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(out), 10, 64)
}
