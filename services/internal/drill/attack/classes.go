package attack

// Classes lists every class of attack.
func Classes() []Class {
	return []Class{
		userRate(),
		emptyFilters(),
		strongReads(),
		passwords(),
		stockHoard(),
		stockRebuy(),
		stockBuyUp(),
		refusedKeys(),
		refusedCrowd(),
		redisMemory(),
		newAccounts(),
		redisFull(),
		partialHeaders(),
		slowBodies(),
		slowReaders(),
		bodies(),
		lists(),
		heavyPages(),
		guesses(),
	}
}

// Find is the class of a name.
func Find(name string) (Class, bool) {
	for _, c := range Classes() {
		if c.Name == name {
			return c, true
		}
	}
	return Class{}, false
}
