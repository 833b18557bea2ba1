package regions

// Suggest is the hint for a name that is not known: the nearest known one, or all of them.
func Suggest(name string, known []string) string { return suggest(name, known) }

// ProfileNames are the built-in profiles.
func ProfileNames() []string { return profiles() }
