package drill

func edgeFaults() []Fault { return nil }
