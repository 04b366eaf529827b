package drill

import "slices"

// Faults lists everything that the drill does to the shop, in the order in which
// it does it.
func Faults() []Fault {
	return slices.Concat(redisFaults(), edgeFaults(), storageFaults(), moreFaults(), versionFaults(), containerFaults())
}

// Find is the fault or control of that slug; false if there is none.
func Find(slug string) (Fault, bool) {
	all := slices.Concat(Faults(), Controls())
	at := slices.IndexFunc(all, func(f Fault) bool { return f.Slug == slug })
	if at < 0 {
		return Fault{}, false
	}
	return all[at], true
}
