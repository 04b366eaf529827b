package attack

import (
	"cmp"
	"context"
	"time"

	"evergreen/services/internal/stack"
)

// Resource is what a class of attack uses up.
type Resource string

// The resources that a cheap request can cost.
const (
	ReplicaMemory Resource = "replica memory"
	RedisMemory   Resource = "Redis memory"
	Processor     Resource = "processor"
	CommitGroups  Resource = "commit groups"
	Stock         Resource = "stock"
	Connections   Resource = "connections"
)

// Class is a class of attack; the package comment says how to add one.
type Class struct {
	Name, Title string
	Resource    Resource
	// Settings are those of .env that the class needs; nil leaves them as they ship.
	Settings map[string]string
	// Setup makes what the attack needs in the shop; nil is nothing.
	Setup func(context.Context, *Scene) error
	// Attack attacks until ctx ends, and returns soon after.
	Attack func(context.Context, *Scene) error
	// Lasts is how long the attack goes on.
	Lasts time.Duration
	// Size is how large the attack is, such as the number of attackers; Scene has it.
	Size int
	// Allowed are failures of the others that belong to the class, such as "buy: 503 storage-full" where the memory is full.
	Allowed []string
	// LatencyExcused is set where the shop is disturbed on purpose, so that the others wait.
	LatencyExcused bool
	// Gauges are metrics of the API whose highest value during the attack is reported.
	Gauges []string
	// Bound gives a sentence for each demand of the class's own that is not met; nil demands nothing.
	Bound func(Found) []string
	// Control takes the defence out.
	Control Control
	// Short is set for the classes of attack-short.
	Short *Short
}

// Control is the same attack on a shop without the defence.
type Control struct {
	// Weakness names what the drill's build of the API leaves out.
	Weakness string
	// Prepare changes the stack, where the defence is not the API's; nil changes nothing.
	Prepare func(context.Context, *stack.Options) error
	// Settings are added to the class's own.
	Settings map[string]string
	// Rules are those of which at least one has to be broken.
	Rules []Rule
}

// Short is the form of a class in attack-short.
type Short struct {
	// Lasts is how long the attack goes on there.
	Lasts time.Duration
	// Settings are added to the class's own.
	Settings map[string]string
	// Size is in place of the class's; 0 leaves it.
	Size int
	// Control is set if the control is made there, too.
	Control bool
}

// shortened is the class as attack-short has it.
func (c Class) shortened() Class {
	if c.Short == nil {
		return c
	}
	c.Lasts, c.Size = c.Short.Lasts, cmp.Or(c.Short.Size, c.Size)
	c.Settings = merged(c.Settings, c.Short.Settings)
	return c
}

// merged has the settings of both; of one name the later's.
func merged(all ...map[string]string) map[string]string {
	settings := map[string]string{}
	for _, some := range all {
		for name, value := range some {
			settings[name] = value
		}
	}
	return settings
}
