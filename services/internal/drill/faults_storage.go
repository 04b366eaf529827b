package drill

func storageFaults() []Fault { return nil }
