package drill

func redisFaults() []Fault { return nil }
