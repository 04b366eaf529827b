package attack

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Rule is a demand that every class is held against.
type Rule string

// The rules.
const (
	// RuleAlive: every process of the shop is the one that it was before the attack.
	RuleAlive Rule = "alive"
	// RuleMemory: no replica has more than 128 MB.
	RuleMemory Rule = "memory"
	// RuleFailures: every request of the others is answered as it has to be.
	RuleFailures Rule = "failures"
	// RuleLatency: the others' p99 during the attack is below three times the quiet one, for log-ins and for the rest.
	RuleLatency Rule = "latency"
	// RuleBound is the class's own.
	RuleBound Rule = "bound"
)

// replicaBytes is the memory that a replica has in a container.
const replicaBytes = 128 << 20

// slower is by what factor the others' p99 may grow.
const slower = 3

// Found is what a run found.
type Found struct {
	Class    string   `json:"class"`
	Title    string   `json:"title"`
	Resource Resource `json:"resource"`
	// Control is the weakness of the shop, or "" of one with its defence.
	Control string    `json:"control,omitempty"`
	When    time.Time `json:"when"`
	Commit  string    `json:"commit,omitempty"`
	// Grouped says that replicas ran in memory groups of 128 MB; Ungrouped why they did not.
	Grouped   bool   `json:"grouped"`
	Ungrouped string `json:"ungrouped,omitempty"`
	// Lasted is how long the attack went on.
	Lasted time.Duration `json:"lasted_ns"`
	// Settings are those of the shop that the class or its form has changed.
	Settings map[string]string `json:"settings,omitempty"`
	// Answers counts the answers that the attack got, by status and code.
	Answers map[string]int `json:"answers"`
	// Figures are the class's own.
	Figures map[string]float64 `json:"figures,omitempty"`
	// Quiet and During are the others', log-ins apart.
	Quiet, During           Latency
	QuietLogIns, LogIns     Latency
	QuietSample, MostSample Sample
	// QuietCores and Cores are how busy the processor was before the attack and during it.
	QuietCores, Cores Cores
	// Kills are the processes that the kernel killed for want of memory; Ended those that are not what they were before.
	Kills int64    `json:"kills"`
	Ended []string `json:"ended,omitempty"`
	// Trouble is why the run did not get to its end.
	Trouble string `json:"trouble,omitempty"`
	// Broken are the rules that do not hold, and Reasons says why.
	Broken  []Rule   `json:"broken,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	// Passed: a class holds; a control is red by one of its rules.
	Passed bool `json:"passed"`
	// Kept is where the logs of a run are that did not pass.
	Kept string `json:"kept,omitempty"`
}

// judge holds what was found against the rules.
func (f *Found) judge(c Class) {
	f.hold(RuleAlive, f.alive())
	f.hold(RuleMemory, f.memory())
	f.hold(RuleFailures, failures(c.Allowed, f.Quiet, f.QuietLogIns, f.During, f.LogIns))
	if !c.LatencyExcused {
		f.hold(RuleLatency, append(slowed("requests", f.Quiet, f.During), slowed("log-ins", f.QuietLogIns, f.LogIns)...))
	}
	if c.Bound != nil {
		f.hold(RuleBound, c.Bound(*f))
	}
	f.Passed = f.Trouble == "" && len(f.Broken) == 0
	if f.Control != "" {
		f.Passed = f.Trouble == "" && slices.ContainsFunc(c.Control.Rules, func(r Rule) bool { return slices.Contains(f.Broken, r) })
	}
	if f.Trouble != "" {
		f.Reasons = append(f.Reasons, "the run did not get to its end: "+f.Trouble)
	}
}

// setting is a number of the class's own settings; 0 if it is none.
func (f Found) setting(name string) int {
	n, _ := strconv.Atoi(f.Settings[name])
	return n
}

// grownBytes is by how much the data of Redis has grown.
func (f Found) grownBytes() int64 { return f.MostSample.RedisBytes - f.QuietSample.RedisBytes }

func (f *Found) hold(rule Rule, reasons []string) {
	if len(reasons) == 0 {
		return
	}
	f.Broken = append(f.Broken, rule)
	for _, reason := range reasons {
		f.Reasons = append(f.Reasons, string(rule)+": "+reason)
	}
}

func (f *Found) alive() (reasons []string) {
	if f.Kills > 0 {
		reasons = append(reasons, fmt.Sprintf("the kernel killed %d processes for want of memory", f.Kills))
	}
	for _, name := range f.Ended {
		reasons = append(reasons, name+" has ended")
	}
	return reasons
}

func (f *Found) memory() []string {
	if f.MostSample.ReplicaBytes <= replicaBytes {
		return nil
	}
	return []string{fmt.Sprintf("a replica had %s", megabytes(f.MostSample.ReplicaBytes))}
}

func failures(allowed []string, all ...Latency) (reasons []string) {
	for _, l := range all {
		for _, name := range sortedNames(l.Failures) {
			if slices.Contains(allowed, name) {
				continue
			}
			reasons = append(reasons, fmt.Sprintf("%d of the others' requests: %s", l.Failures[name], name))
		}
	}
	return reasons
}

func slowed(what string, quiet, during Latency) []string {
	switch {
	case quiet.Requests == 0 || during.Requests == 0:
		return []string{"the others made no " + what}
	case during.P99 >= slower*quiet.P99:
		return []string{fmt.Sprintf("the others' %s: p99 %s, %.1f x the quiet %s",
			what, milliseconds(during.P99), float64(during.P99)/float64(quiet.P99), milliseconds(quiet.P99))}
	}
	return nil
}
