package drill

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"evergreen/services/internal/drill/report"
)

// sitting is one call of the program: runs, one after the other.
type sitting struct {
	*runner
	runs []report.Run
	// troubles are what went wrong beside the shop: runs that could not be made, and
	// how many in a row; results that could not be written.
	troubles []error
	notMade  int
}

// mostNotMade is after how many runs in a row that could not even begin a sitting
// ends: the next would be no better.
const mostNotMade = 2

// one makes a run and notes what came of it; false when the sitting is to end.
func (s *sitting) one(ctx context.Context, t task) bool {
	s.show.begin(t)
	run, err := s.once(ctx, t)
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		s.troubles = append(s.troubles, fmt.Errorf("%s: %w", t.Slug, err))
		s.show.say("%s: %v", t.Slug, err)
	}
	if errors.Is(err, errNotMade) {
		s.notMade++
		return s.notMade < mostNotMade
	}
	s.notMade = 0
	s.show.end(run)
	s.runs = append(s.runs, run)
	return true
}

// faults does each fault so many times, all of them once before any comes again.
// With until, one that has so many runs in its results is left out.
func (s *sitting) faults(ctx context.Context, faults []Fault, times, until int) error {
	lacking, err := s.lacking(faults, times, until)
	if err != nil {
		return err
	}
	total := 0
	for _, n := range lacking {
		total += n
	}
	s.show.plan(total)
	for round := range slices.Max(append(lacking, 0)) {
		for i, f := range faults {
			if round >= lacking[i] {
				continue
			}
			variant, err := s.variant(f)
			if err != nil {
				return err
			}
			if !s.one(ctx, task{Fault: f, variant: variant}) {
				return ctx.Err()
			}
		}
	}
	return s.usually(faults)
}

// usually judges what only many runs can show, of the faults whose results have them.
func (s *sitting) usually(faults []Fault) error {
	for _, f := range faults {
		if f.Promise == nil || f.Promise.WriteGapP95 == 0 {
			continue
		}
		made, err := s.results.Read(f.Slug)
		if err != nil {
			return err
		}
		if gap, enough := report.GapP95(made); enough && gap > f.Promise.WriteGapP95 {
			s.troubles = append(s.troubles, fmt.Errorf("%s: in 95 %% of %d runs writes waited %v or less, and %v is promised",
				f.Slug, len(made), gap.Round(time.Millisecond), f.Promise.WriteGapP95))
			s.show.say("%v", s.troubles[len(s.troubles)-1])
		}
	}
	return nil
}

// lacking is how often each fault is to be done.
func (s *sitting) lacking(faults []Fault, times, until int) ([]int, error) {
	all := make([]int, len(faults))
	for i, f := range faults {
		all[i] = times
		if until == 0 {
			continue
		}
		made, err := s.results.Read(f.Slug)
		if err != nil {
			return nil, err
		}
		all[i] = max(0, until-len(made))
	}
	return all, nil
}

// variant is the one of a fault's that its results have least of, the first of
// several.
func (s *sitting) variant(f Fault) (string, error) {
	if len(f.Variants) == 0 {
		return "", nil
	}
	made, err := s.results.Read(f.Slug)
	if err != nil {
		return "", err
	}
	return rarest(f.Variants, made), nil
}

func rarest(variants []string, made []report.Run) string {
	least, fewest := "", math.MaxInt
	for _, v := range variants {
		n := 0
		for _, run := range made {
			n += count(run.Variant == v)
		}
		if n < fewest {
			least, fewest = v, n
		}
	}
	return least
}

// controls repeats each control until it is red, or should have been. A control
// may sweep, too.
func (s *sitting) controls(ctx context.Context, controls []Fault) error {
	most := len(s.runs) // of all runs of the sitting
	for _, c := range controls {
		most += attempts(c.Control.Rate)
	}
	s.show.plan(most)
	for _, c := range controls {
		of := attempts(c.Control.Rate)
		for attempt := range of {
			variant, err := s.variant(c)
			if err != nil {
				return err
			}
			if !s.one(ctx, task{Fault: c, variant: variant, attempt: attempt + 1, attempts: of}) {
				return ctx.Err()
			}
			if s.notMade > 0 {
				continue
			}
			if last := s.runs[len(s.runs)-1]; last.NotApplicable != "" || !last.Passed() || red(c, last.Verdict) {
				most -= of - attempt - 1
				s.show.plan(most)
				break
			}
		}
	}
	return nil
}

// passed says that every run was as it has to be.
func (s *sitting) passed() bool {
	return len(s.troubles) == 0 && !slices.ContainsFunc(s.runs, func(run report.Run) bool { return !run.Passed() })
}
