package check

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func rules(v Verdict) []string {
	var found []string
	for _, violation := range v.Violations {
		if !slices.Contains(found, violation.Rule) {
			found = append(found, violation.Rule)
		}
	}
	slices.Sort(found)
	return found
}

func TestAShopThatKeepsItsWordIsFoundSound(t *testing.T) {
	for seed := range uint64(200) {
		v := Check(simulate(small(seed), ""))
		require.Empty(t, v.Violations, "seed %d", seed)
		require.Positive(t, v.Acknowledged)
		require.Positive(t, v.Unknown)
	}
}

func TestEachDefectIsFound(t *testing.T) {
	for defect, expected := range map[string]string{
		"forgets-keys":              RuleKey,
		"forgets-refusals":          RuleKey,
		"replays-another-body":      RuleKey,
		"oversells":                 RuleNegative,
		"refuses-in-plenty":         RuleLinearizable,
		"answers-before-it-is-kept": RuleLost,
		"moves-twice":               RuleLinearizable,
		"loses-payments":            RuleLost,
		"keeps-what-comes-back":     RuleStock,
		"loses-adjustments":         RuleLost,
		"ignores-if-match":          RuleVersion,
		"gives-a-version-twice":     RuleVersion,
		"strong-reads-lag":          RuleLinearizable,
		"tokens-ignored":            RuleOwnWrites,
		"reads-too-old":             RuleAge,
		"did-what-it-denied":        RuleDuplicated,
		"rolls-back":                RuleLost,
	} {
		t.Run(defect, func(t *testing.T) {
			var found []string
			for seed := range uint64(10) {
				if found = rules(Check(simulate(small(seed), defect))); slices.Contains(found, expected) {
					return
				}
			}
			require.Contains(t, found, expected, "not in any of 10 histories; in the last of them")
		})
	}
}

// crowd is a failover at its worst: 300 purchases and some strong reads are held
// at once, and all of them are done within a tenth of a second.
func crowd(seed uint64) sizes {
	return sizes{seed: seed, products: 12, stock: 2000, length: 25 * time.Second, writes: 200, reads: 200,
		from: 8 * time.Second, hold: 3500 * time.Millisecond, losing: 0.002, retrying: 0.5}
}

func TestAFailoverWithHundredsOfHeldOperationsIsDecidedFast(t *testing.T) {
	for seed := range uint64(3) {
		h := simulate(crowd(seed), "")
		begin := time.Now()
		v := Check(h)
		took := time.Since(begin)
		require.Empty(t, v.Violations, "seed %d", seed)
		t.Logf("%d requests, %d partitions, the largest of %d: %s", len(h.Ops), v.Partitions, v.Largest, took)
		require.Less(t, took, 5*time.Second)
	}
}
