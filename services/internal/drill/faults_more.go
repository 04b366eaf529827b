package drill

func moreFaults() []Fault { return nil }
