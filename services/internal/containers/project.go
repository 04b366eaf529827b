package containers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joho/godotenv"

	"evergreen/services/internal/stack"
)

// Options say which project it is. The zero value is the one that `docker compose
// up` runs in the repository.
type Options struct {
	// Root is the repository; "" is the one around the working directory.
	Root string
	// Name is the project's; "" is the one that docker-compose.yml names.
	Name string
	// EnvFile has the settings, secrets included; "" is root's .env.
	EnvFile string
	// Settings win over those of the file: NET, PUBLISH_PORT, the names of images.
	Settings map[string]string
}

// Project is the shop in containers. Its methods may be called from several
// goroutines.
type Project struct {
	// Name is the project's, and Net the prefix of its addresses.
	Name, Net string

	root     string
	envFile  string
	file     map[string]string // the settings of envFile
	changes  map[string]string // those of the options
	services []*Service
}

// composed is what we read of the file as Compose understands it.
type composed struct {
	Name     string
	Services map[string]struct {
		NetworkMode string `json:"network_mode"`
		Networks    map[string]struct {
			Address string `json:"ipv4_address"`
		}
	}
}

// Open gives a handle on a project, which need not run, or exist.
func Open(ctx context.Context, o Options) (*Project, error) {
	root := o.Root
	if root == "" {
		var err error
		if root, err = stack.Root(); err != nil {
			return nil, err
		}
	}
	p := &Project{Name: o.Name, root: root, envFile: cmp.Or(o.EnvFile, filepath.Join(root, ".env")), changes: maps.Clone(o.Settings)}
	var err error
	if p.file, err = godotenv.Read(p.envFile); err != nil {
		return nil, fmt.Errorf("the settings (`make env` writes them): %w", err)
	}
	return p, p.learn(ctx)
}

// Changed is the same project with more settings, such as other profiles: for the
// next Up.
func (p *Project) Changed(ctx context.Context, settings map[string]string) (*Project, error) {
	all := map[string]string{}
	maps.Copy(all, p.changes)
	maps.Copy(all, settings)
	return Open(ctx, Options{Root: p.root, Name: p.Name, EnvFile: p.envFile, Settings: all})
}

// learn asks Compose which services there are with these settings, and where.
func (p *Project) learn(ctx context.Context) error {
	text, err := p.Compose(ctx, "config", "--format", "json")
	if err != nil {
		return err
	}
	var read composed
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		return fmt.Errorf("docker compose config: %w", err)
	}
	p.Name = read.Name
	for _, name := range slices.Sorted(maps.Keys(read.Services)) {
		holder := name
		if of, shared := strings.CutPrefix(read.Services[name].NetworkMode, "service:"); shared {
			holder = of
		}
		address := read.Services[holder].Networks[network].Address
		p.services = append(p.services, &Service{project: p, name: name, host: address})
	}
	edge := read.Services["edge"].Networks[network].Address
	p.Net = edge[:max(0, strings.LastIndex(edge, "."))]
	return nil
}

// network is the one network of the project, as docker-compose.yml calls it.
const network = "shop"

// Setting is a value as the project uses it, secrets included; empty for one that
// only has a default in docker-compose.yml. As with Compose, the environment wins
// over the file.
func (p *Project) Setting(name string) string {
	if value, changed := p.changes[name]; changed {
		return value
	}
	return cmp.Or(os.Getenv(name), p.file[name])
}

// URL is the shop's address as clients on this machine use it: the published port.
func (p *Project) URL() string {
	address := cmp.Or(p.Setting("PUBLISH_ADDRESS"), "0.0.0.0")
	if address == "0.0.0.0" {
		address = "127.0.0.1"
	}
	return fmt.Sprintf("http://%s:%s", address, cmp.Or(p.Setting("PUBLISH_PORT"), "8080"))
}

// Services lists the handles of all services that run with the project's profiles,
// by name.
func (p *Project) Services() []*Service { return slices.Clone(p.services) }

// Named lists those of a row, such as "redis-".
func (p *Project) Named(row string) []*Service {
	return slices.DeleteFunc(p.Services(), func(s *Service) bool { return !stack.InRow(s.name, row) })
}

// Service is the handle of one, or nil if the project does not run it.
func (p *Project) Service(name string) *Service {
	for _, s := range p.services {
		if s.name == name {
			return s
		}
	}
	return nil
}
