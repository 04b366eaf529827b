package replay

import "sync"

// book keeps under which ids the shop has what the plan names.
type book struct {
	customers, products, sales ids // by customer, code, external_ref
}

// ids may be used from several goroutines.
type ids struct {
	mu     sync.Mutex
	byName map[string]string
}

func (i *ids) set(name, id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.byName == nil {
		i.byName = map[string]string{}
	}
	i.byName[name] = id
}

// id is "" for what could not be made.
func (i *ids) id(name string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.byName[name]
}
