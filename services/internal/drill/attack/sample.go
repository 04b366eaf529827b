package attack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"evergreen/services/internal/stack"
)

// sampleEvery is how often resources are looked at.
const sampleEvery = 100 * time.Millisecond

// Sample is how much of each resource was in use.
type Sample struct {
	// ReplicaBytes is the resident memory of the larger API replica. RedisBytes is used_memory of the primary without
	// the backlog and the buffers of its replicas, its clients and its append-only file: what the data takes.
	ReplicaBytes int64 `json:"replica_bytes"`
	RedisBytes   int64 `json:"redis_bytes"`
	// Gauges are the class's.
	Gauges map[string]float64 `json:"gauges,omitempty"`
}

// raise has the larger figures of both.
func (s *Sample) raise(other Sample) {
	s.ReplicaBytes, s.RedisBytes = max(s.ReplicaBytes, other.ReplicaBytes), max(s.RedisBytes, other.RedisBytes)
	for name, value := range other.Gauges {
		if s.Gauges == nil {
			s.Gauges = map[string]float64{}
		}
		s.Gauges[name] = max(s.Gauges[name], value)
	}
}

// sampler looks at the resources of a shop.
type sampler struct {
	shop   *stack.Stack
	gauges []string

	mu   sync.Mutex
	most Sample
}

// watch looks until ctx ends; the function that it gives waits for that, and has the highest figures.
func (s *sampler) watch(ctx context.Context) func() Sample {
	var over sync.WaitGroup
	over.Go(func() {
		for next := time.Now(); waitUntil(ctx, next); next = time.Now().Add(sampleEvery) {
			now := s.look(ctx)
			s.mu.Lock()
			s.most.raise(now)
			s.mu.Unlock()
		}
	})
	return func() Sample {
		over.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.most
	}
}

// look takes one sample. What does not answer has no figure: that it is alive is held by another rule.
func (s *sampler) look(ctx context.Context) Sample {
	var now Sample
	for _, p := range replicas(s.shop) {
		now.ReplicaBytes = max(now.ReplicaBytes, residentBytes(p.PID()))
		if len(s.gauges) > 0 {
			now.raise(Sample{Gauges: gaugesOf(ctx, p, s.gauges)})
		}
	}
	if primary, err := s.shop.Primary(ctx); err == nil {
		info, _ := s.shop.Redis(ctx, primary, "INFO", "memory")
		now.RedisBytes = infoNumber(info, "used_memory")
		for _, buffers := range []string{"mem_total_replication_buffers", "mem_clients_normal", "mem_aof_buffer"} {
			now.RedisBytes -= infoNumber(info, buffers)
		}
	}
	return now
}

// replicas are the API's.
func replicas(shop *stack.Stack) []*stack.Process {
	return slices.DeleteFunc(shop.Processes(), func(p *stack.Process) bool { return !stack.InRow(p.Name(), "api-") })
}

// infoNumber is a number of Redis's INFO; 0 if it is not there.
func infoNumber(info, name string) int64 {
	for line := range strings.Lines(info) {
		if text, found := strings.CutPrefix(strings.TrimSpace(line), name+":"); found {
			number, _ := strconv.ParseInt(text, 10, 64)
			return number
		}
	}
	return 0
}

// residentBytes is the memory of a process; 0 if it has ended.
func residentBytes(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kibibytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kibibytes << 10
		}
	}
	return 0
}

// gaugesOf asks a replica for metrics, summed over their label sets.
func gaugesOf(ctx context.Context, p *stack.Process, names []string) map[string]float64 {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.StatusAddr()+"/metrics", nil)
	if err != nil {
		return nil
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil
	}
	defer func() { _ = response.Body.Close() }()
	return sums(response.Body, names)
}

// sums adds up the metrics of these names.
func sums(text io.Reader, names []string) map[string]float64 {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return nil
	}
	found := map[string]float64{}
	for _, name := range names {
		for _, m := range families[name].GetMetric() {
			found[name] += m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()
		}
	}
	return found
}
